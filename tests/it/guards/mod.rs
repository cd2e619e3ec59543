//! Guards: each root field of the schema enforces its directives, and the directives are those of the contract.

mod fields;
mod personal_access_tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use portcullis::config::{Config, RoleConfig};
use serde_json::{Value, json};

pub(crate) use self::fields::root_fields;
use self::fields::{Guard, RootField};
use crate::support::{Answer, TestApp};

/// The fields that anybody may ask for. Think twice before you add one.
const OPEN: [&str; 22] = [
    "acceptInvitation",
    "exchangePersonalAccessToken",
    "login",
    "loginWithEmail",
    "loginWithPasskey",
    "logout",
    "node",
    "nodes",
    "refresh",
    "register",
    "registerWithPasskey",
    "requestEmailVerification",
    "requestLoginEmail",
    "requestPasswordReset",
    "requestSecondFactorEmail",
    "resetPassword",
    "server",
    "startPasskeyLogin",
    "startPasskeyRegistration",
    "undoEmailChange",
    "verifyEmail",
    "verifySecondFactor",
];

/// The requirement of a field.
#[derive(Clone, Copy)]
enum Required {
    SignIn,
    /// A login at most so many seconds ago.
    RecentLogin(u32),
    Scope(&'static str),
}

use Required::{RecentLogin, Scope, SignIn};

/// The guards of all other fields in the contract.
const GUARDED: [(&str, Required); 32] = [
    ("Subscription.accountEvents", SignIn),
    ("Subscription.auditEvents", Scope("audit:read")),
    ("addPasskey", SignIn),
    ("auditEvents", Scope("audit:read")),
    ("changePassword", SignIn),
    ("createPersonalAccessToken", RecentLogin(300)),
    ("createUser", Scope("users:write")),
    ("deleteAccount", SignIn),
    ("deletePasskey", RecentLogin(300)),
    ("deleteUser", Scope("users:write")),
    ("exportAccount", RecentLogin(300)),
    ("inviteUser", Scope("users:write")),
    ("me", SignIn),
    ("reauthenticate", SignIn),
    ("startReauthentication", SignIn),
    ("startTotp", RecentLogin(300)),
    ("confirmTotp", SignIn),
    ("removeTotp", RecentLogin(300)),
    ("createRecoveryCodes", RecentLogin(300)),
    ("resetSecondFactors", Scope("users:write")),
    ("renamePasskey", SignIn),
    ("revokeOtherSessions", SignIn),
    ("revokePersonalAccessToken", SignIn),
    ("revokeSession", SignIn),
    ("revokeTrustedDevice", SignIn),
    ("revokeUserSessions", Scope("sessions:write")),
    ("session", SignIn),
    ("startPasskey", RecentLogin(300)),
    ("updateProfile", SignIn),
    ("updateUser", Scope("users:write")),
    ("user", Scope("users:read")),
    ("users", Scope("users:read")),
];

#[test]
fn no_field_is_open_that_is_not_meant_to_be() {
    let open: BTreeSet<String> = root_fields()
        .into_iter()
        .filter(|field| field.guard == Guard::None)
        .map(|field| field.name)
        .collect();
    assert_eq!(open, OPEN.into_iter().map(ToOwned::to_owned).collect());
}

#[test]
fn the_guards_are_those_of_the_contract() {
    let fields = root_fields().into_iter().filter(|field| field.guard != Guard::None);
    let served: BTreeMap<String, Guard> = fields.map(|field| (field.name, field.guard)).collect();
    let guard = |required| match required {
        SignIn => Guard::Authenticated,
        RecentLogin(seconds) => Guard::RecentLogin(seconds),
        Scope(scope) => Guard::Scopes(json!([[scope]])),
    };
    let contract = GUARDED.map(|(name, required)| (name.to_owned(), guard(required)));
    assert_eq!(served, BTreeMap::from(contract));
}

#[test]
fn each_guarded_field_ends_its_description_in_what_it_requires() {
    for field in root_fields() {
        let said = match &field.guard {
            Guard::None => {
                assert!(!field.description.contains("Requires"), "{}: {}", field.name, field.description);
                continue;
            }
            Guard::Authenticated => "Requires sign-in.".to_owned(),
            Guard::RecentLogin(seconds) => format!("Requires a login at most {} minutes ago.", seconds / 60),
            Guard::Scopes(scopes) => {
                format!("Requires the scope `{}`.", scopes[0][0].as_str().expect("a scope"))
            }
        };
        let words = field.description.strip_suffix(&format!("\n{said}"));
        assert!(words.is_some_and(|words| !words.is_empty()), "{}: {}", field.name, field.description);
    }
}

#[tokio::test]
async fn an_anonymous_caller_gets_null_from_each_guarded_field_and_an_answer_from_the_one_beside_it() {
    let app = TestApp::start().await;
    for field in root_fields().iter().filter(|field| field.guard != Guard::None) {
        let answer = field.ask(&app.anonymous()).await;
        answer.assert_failed("UNAUTHENTICATED");
        assert_eq!(answer.error()["reason"], "TOKEN_MISSING", "{}", field.name);
        assert_eq!(answer.body["errors"][0]["path"], json!(["it"]), "{}", field.name);
        assert_eq!(answer.status, 200);
        assert!(answer.body["data"]["it"].is_null(), "{}", answer.body);
        field.assert_beside(&answer);
    }
}

#[tokio::test]
async fn a_caller_without_the_scope_is_told_which_it_takes() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for field in root_fields() {
        let Guard::Scopes(scopes) = &field.guard else { continue };
        let answer = field.ask(&ada).await;
        answer.assert_failed("FORBIDDEN");
        assert_eq!(answer.error()["requiredScopes"], *scopes, "{}", field.name);
        assert!(answer.body["data"]["it"].is_null(), "{}", answer.body);
        field.assert_beside(&answer);
    }
}

#[tokio::test]
async fn a_caller_with_just_the_scope_passes_and_one_with_all_others_does_not() {
    let app = TestApp::with(|config| {
        for scope in scopes() {
            let others = scopes().into_iter().filter(|other| *other != scope).collect();
            add_role(config, &format!("but-{scope}"), others);
            add_role(config, &scope, vec![scope.clone()]);
        }
    })
    .await;
    for (number, scope) in scopes().iter().enumerate() {
        let holder = app.with_roles(&format!("holder{number}"), &[scope]).await;
        let other = app.with_roles(&format!("other{number}"), &[&format!("but-{scope}")]).await;
        for field in root_fields().iter().filter(|field| field.guard == Guard::Scopes(json!([[scope]]))) {
            let passed = field.ask(&holder).await;
            assert_passes(&passed, &field.name);
            field.ask(&other).await.assert_failed("FORBIDDEN");
        }
    }
}

#[tokio::test]
async fn a_caller_with_a_token_passes_where_a_token_is_enough() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let is_enough = |field: &&RootField| matches!(field.guard, Guard::Authenticated | Guard::RecentLogin(_));
    for field in root_fields().iter().filter(is_enough) {
        let answer = field.ask(&ada).await;
        assert_passes(&answer, &field.name);
    }
}

#[tokio::test]
async fn a_caller_whose_login_is_too_old_is_refused() {
    for field in root_fields() {
        let Guard::RecentLogin(seconds) = field.guard else { continue };
        let app = TestApp::start().await;
        let ada = app.signed_in("ada").await;
        app.wait(Duration::from_secs(u64::from(seconds) + 1));
        let answer = field.ask(&ada).await;
        answer.assert_failed("UNAUTHENTICATED");
        assert_eq!(answer.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION", "{}", field.name);
        assert_eq!(answer.error()["maxAge"], seconds, "{}", field.name);
        field.assert_beside(&answer);
    }
}

#[tokio::test]
async fn no_way_of_writing_it_opens_a_guarded_field() {
    let app = TestApp::start().await;
    for document in [
        "query Named { me { id } }",
        "{ server { version } mine: me { id } }",
        "{ ... { me { id } } }",
        "{ ... on Query { ... on Query { me { id } } } }",
        "{ ...Me } fragment Me on Query { me { id } }",
        "{ ...Outer } fragment Outer on Query { ...Me } fragment Me on Query { mine: me { ...Id } } \
         fragment Id on User { id }",
        "query($yes: Boolean = true) { me @include(if: $yes) { id } }",
        "query($no: Boolean = false) { ... @skip(if: $no) { me { id } } }",
    ] {
        let answer = app.anonymous().ask(document).await;
        assert_eq!(answer.body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{document}");
    }
    let two = "query Open { server { version } } query Shut { me { id } }";
    for (name, code) in [("Open", None), ("Shut", Some("UNAUTHENTICATED"))] {
        let answer = app.anonymous().send(&json!({ "query": two, "operationName": name })).await;
        assert_eq!(answer.body["errors"][0]["extensions"]["code"].as_str(), code, "{}", answer.body);
    }
}

/// Says that no guard stood in the way, whatever the field thinks of its arguments.
#[track_caller]
fn assert_passes(answer: &Answer, field: &str) {
    let errors = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codes: Vec<&Value> = errors.iter().map(|error| &error["extensions"]["code"]).collect();
    assert!(codes.iter().all(|code| *code == "BAD_USER_INPUT"), "{field}: {}", answer.body);
}

fn add_role(config: &mut Config, name: &str, scopes: Vec<String>) {
    config.roles.insert(name.to_owned(), RoleConfig::new(scopes));
}

/// The scopes that the schema speaks of.
fn scopes() -> BTreeSet<String> {
    let named = root_fields().into_iter().filter_map(|field| match field.guard {
        Guard::Scopes(scopes) => Some(scopes),
        _ => None,
    });
    let lists = named.flat_map(|scopes| serde_json::from_value::<Vec<Vec<String>>>(scopes).expect("lists"));
    lists.flatten().collect()
}
