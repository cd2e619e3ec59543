//! User errors: each code of `UserErrorCode`, the field that it names, and a payload without data.

use std::{collections::BTreeSet, time::Duration};

use portcullis::config::Backoff;
use serde_json::{Value, json};

use crate::support::{AUTH, Answer, OTHER_PASSWORD, PASSWORD, TestApp, USER};

/// The codes that the tests of this file, of `last_admin.rs`, of `email`, of `passkeys` and of `personal_access_tokens` are about.
const COVERED: [&str; 23] = [
    "ACCOUNT_DISABLED",
    "CURRENT_PASSWORD_REQUIRED",
    "EMAIL_INVALID",
    "EMAIL_NOT_VERIFIED",
    "EMAIL_TAKEN",
    "INVALID_CHALLENGE",
    "INVALID_CODE",
    "INVALID_CREDENTIALS",
    "INVALID_REFRESH_TOKEN",
    "LAST_ADMIN",
    "LAST_LOGIN_METHOD",
    "LIMIT_REACHED",
    "NOT_FOUND",
    "PASSKEY_REJECTED",
    "PASSWORD_TOO_LONG",
    "PASSWORD_TOO_SHORT",
    "PASSWORD_TOO_WEAK",
    "RATE_LIMITED",
    "REGISTRATION_CLOSED",
    "SECOND_FACTOR_REQUIRED",
    "UNKNOWN_ROLE",
    "USERNAME_INVALID",
    "USERNAME_TAKEN",
];

/// The id of no account and of no session.
const NOBODY: &str = "user_01h455vb4pex5vsknk084sn02q";
const NO_SESSION: &str = "session_01h455vb4pex5vsknk084sn02q";

const DELETED: &str = "deletedId errors { code message field retryAfter }";
const SESSION: &str = "session { id } errors { code message field retryAfter }";
const COUNT: &str = "revokedCount errors { code message field retryAfter }";

impl Answer {
    /// Says that the user was told of this one error in this field of the input, and given nothing.
    #[track_caller]
    fn assert_refused_at(&self, code: &str, field: &str) -> &Self {
        self.assert_refused(code);
        let path = if field.is_empty() { Value::Null } else { json!(["input", field]) };
        let error = self.at("/it/errors/0");
        assert_eq!(error["field"], path, "{}", self.body);
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{}", self.body);
        assert_eq!(error["retryAfter"].is_null(), code != "RATE_LIMITED", "{}", self.body);
        let payload = self.at("/it").as_object().expect("a payload");
        for (name, value) in payload.iter().filter(|(name, _)| *name != "errors") {
            assert!(value.is_null() || value == 0, "{name} of a refusal: {}", self.body);
        }
        self
    }
}

#[tokio::test]
async fn every_code_has_a_test() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask(r#"{ __type(name: "UserErrorCode") { enumValues { name } } }"#).await;
    let values = answer.at("/__type/enumValues").as_array().expect("an enum");
    let codes: BTreeSet<&str> = values.iter().filter_map(|value| value["name"].as_str()).collect();
    assert_eq!(codes, BTreeSet::from(COVERED));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    let wrong = app.anonymous().log_in("ada", OTHER_PASSWORD).await;
    wrong.assert_refused_at("INVALID_CREDENTIALS", "password");
    let long = "a".repeat(10_000);
    for unknown in ["bob", "", "a\0b", "no such name", "ada@example.com", "😀", &long] {
        assert_eq!(app.anonymous().log_in(unknown, PASSWORD).await.body, wrong.body, "{unknown:?}");
    }
    for password in ["", "a\0b", "😀", &"a".repeat(10_000)] {
        assert_eq!(app.anonymous().log_in("ada", password).await.body, wrong.body, "{password:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_neither_changes_it_nor_deletes_the_account() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let change = json!({ "currentPassword": OTHER_PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", change, AUTH).await;
    changed.assert_refused_at("INVALID_CREDENTIALS", "currentPassword");
    let deleted = ada.mutate("deleteAccount", json!({ "password": OTHER_PASSWORD }), DELETED).await;
    deleted.assert_refused_at("INVALID_CREDENTIALS", "password");
    ada.ask("{ me { id } }").await.assert_done();
}

#[tokio::test]
async fn a_refresh_token_that_is_none_of_ours_is_invalid() {
    let app = TestApp::start().await;
    let (ada, anonymous) = (app.signed_in("ada").await, app.anonymous());
    let mut forged = ada.refresh_token.clone().expect("a refresh token");
    forged.replace_range(10..12, "__");
    for token in ["", "prt_", "garbage", "prt_\0", &"a".repeat(10_000), &forged] {
        anonymous.refresh_with(token).await.assert_refused_at("INVALID_REFRESH_TOKEN", "refreshToken");
        let input = json!({ "refreshToken": token });
        let signed_out = anonymous.mutate("logout", input, "errors { code message field retryAfter }").await;
        signed_out.assert_refused_at("INVALID_REFRESH_TOKEN", "refreshToken");
    }
    let without = anonymous.ask(&format!("mutation {{ it: refresh {{ {AUTH} }} }}")).await;
    without.assert_refused_at("INVALID_REFRESH_TOKEN", "refreshToken");
}

#[tokio::test]
async fn a_refresh_token_whose_session_is_over_is_invalid() {
    let app = TestApp::start().await;
    let (mut ada, mut bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    ada.refresh().await.assert_refused_at("INVALID_REFRESH_TOKEN", "refreshToken");
    app.wait(Duration::from_hours(7 * 24));
    bob.refresh().await.assert_refused_at("INVALID_REFRESH_TOKEN", "refreshToken");
}

#[tokio::test]
async fn only_the_right_password_learns_that_an_account_is_disabled() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let disable = json!({ "id": ada.user_id, "disabled": true });
    root.mutate("updateUser", disable, USER).await.assert_done();
    let mut anonymous = app.anonymous();
    anonymous.log_in("ada", OTHER_PASSWORD).await.assert_refused_at("INVALID_CREDENTIALS", "password");
    anonymous.log_in("ada", PASSWORD).await.assert_refused_at("ACCOUNT_DISABLED", "");
    let enable = json!({ "id": ada.user_id, "disabled": false });
    root.mutate("updateUser", enable, USER).await.assert_done();
    anonymous.log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn who_guesses_too_often_has_to_wait() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.pair = minute_after(3);
    })
    .await;
    let mut ada = app.signed_in("ada").await;
    for _ in 0..3 {
        ada.log_in("ada", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    for limited in [
        ada.log_in("ADA", PASSWORD).await,
        ada.mutate("changePassword", change, AUTH).await,
        ada.mutate("deleteAccount", json!({ "password": PASSWORD }), DELETED).await,
    ] {
        limited.assert_refused_at("RATE_LIMITED", "");
        let seconds = limited.at("/it/errors/0/retryAfter").as_i64().expect("a number");
        assert!((30..=60).contains(&seconds), "{seconds}");
    }
    app.anonymous().behind("198.51.100.7").log_in("ada", PASSWORD).await.assert_done();
    app.wait(Duration::from_secs(61));
    ada.log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn who_registers_too_often_has_to_wait() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.register = minute_after(1);
    })
    .await;
    let mut ada = app.signed_in("ada").await;
    let limited = ada.register("bob", PASSWORD).await;
    limited.assert_refused_at("RATE_LIMITED", "");
    app.anonymous().behind("198.51.100.7").register("bob", PASSWORD).await.assert_done();
    app.wait(Duration::from_secs(61));
    ada.register("eve", PASSWORD).await.assert_done();
}

/// A backoff with this many free attempts, and then one attempt per minute.
fn minute_after(free_attempts: u32) -> Backoff {
    let (initial_delay, max_delay) = (Duration::from_mins(1), Duration::from_mins(15));
    Backoff { free_attempts, initial_delay, max_delay, forget_after: Duration::from_hours(1) }
}

#[tokio::test]
async fn a_username_is_taken_in_all_its_spellings() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.signed_in("Ada").await;
    for spelling in ["Ada", "ada", "ADA", "Ａｄａ"] {
        let registered = app.anonymous().register(spelling, PASSWORD).await;
        registered.assert_refused_at("USERNAME_TAKEN", "username");
        let input = json!({ "username": spelling, "password": PASSWORD });
        let created = root.mutate("createUser", input, USER).await;
        created.assert_refused_at("USERNAME_TAKEN", "username");
    }
}

#[tokio::test]
async fn a_username_that_cannot_be_is_invalid() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (long, enormous) = ("a".repeat(65), "a".repeat(10_000));
    for name in ["", " ", "a b", "a\0b", "a\n", "😀", "a\u{202e}b", &long, &enormous] {
        app.anonymous().register(name, PASSWORD).await.assert_refused_at("USERNAME_INVALID", "username");
        let input = json!({ "username": name, "password": PASSWORD });
        let created = root.mutate("createUser", input, USER).await;
        created.assert_refused_at("USERNAME_INVALID", "username");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_is_invalid() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for email in
        ["", "ada", "ada@", "@example.com", "a b@example.com", "a\0@example.com", &"a".repeat(10_000)]
    {
        let new = json!({ "username": "ada", "password": PASSWORD, "email": email });
        for answer in [
            root.mutate("register", new.clone(), AUTH).await,
            root.mutate("createUser", new, USER).await,
            root.mutate("updateProfile", json!({ "email": email }), USER).await,
            root.mutate("updateUser", json!({ "id": root.user_id, "email": email }), USER).await,
        ] {
            answer.assert_refused_at("EMAIL_INVALID", "email");
        }
    }
}

#[tokio::test]
async fn all_that_is_wrong_with_a_registration_is_told_at_once() {
    let app = TestApp::start().await;
    let input = json!({ "username": "", "email": "none", "password": PASSWORD });
    let answer = app.anonymous().mutate("register", input, AUTH).await;
    assert_eq!(answer.codes(), ["USERNAME_INVALID", "EMAIL_INVALID"]);
}

#[tokio::test]
async fn a_password_that_does_not_meet_the_policy_is_refused_wherever_it_is_set() {
    let app = TestApp::start().await;
    let (root, other) = (app.admin().await, app.signed_in("other").await);
    let long = "quiet violet lantern ".repeat(20);
    for (password, code) in [
        ("", "PASSWORD_TOO_SHORT"),
        ("short", "PASSWORD_TOO_SHORT"),
        ("😀😀😀😀😀😀😀", "PASSWORD_TOO_SHORT"),
        (&long, "PASSWORD_TOO_LONG"),
        ("password", "PASSWORD_TOO_WEAK"),
        ("tab\tbed violet lantern", "PASSWORD_TOO_WEAK"),
        ("nul\0 violet lantern orbit", "PASSWORD_TOO_WEAK"),
    ] {
        let new = json!({ "username": "ada", "password": password });
        let update = json!({ "id": other.user_id, "password": password });
        app.anonymous().mutate("register", new.clone(), AUTH).await.assert_refused_at(code, "password");
        root.mutate("createUser", new, USER).await.assert_refused_at(code, "password");
        root.mutate("updateUser", update, USER).await.assert_refused_at(code, "password");
        let change = json!({ "currentPassword": PASSWORD, "newPassword": password });
        root.mutate("changePassword", change, AUTH).await.assert_refused_at(code, "newPassword");
    }
    let named = app.anonymous().register("lovelace", "quiet Lovelace lantern orbit").await;
    named.assert_refused_at("PASSWORD_TOO_WEAK", "password");
}

#[tokio::test]
async fn nobody_registers_where_registration_is_closed() {
    let app = TestApp::with(|config| config.accounts.registration_open = false).await;
    app.anonymous().register("ada", PASSWORD).await.assert_refused_at("REGISTRATION_CLOSED", "");
    let server = app.anonymous().ask("{ server { registrationOpen } }").await;
    assert_eq!(server.at("/server/registrationOpen"), false);
}

#[tokio::test]
async fn what_takes_the_current_password_is_not_done_to_ones_own_account_by_administration() {
    let app = TestApp::start().await;
    let root = app.with_roles("root", &["admin"]).await;
    app.with_roles("second", &["admin"]).await;
    let own = |change: Value| {
        let mut input = change;
        input["id"] = json!(root.user_id);
        input
    };
    for password in [OTHER_PASSWORD, PASSWORD, "weak"] {
        let input = own(json!({ "password": password, "displayName": "Root" }));
        let answer = root.mutate("updateUser", input, USER).await;
        answer.assert_refused_at("CURRENT_PASSWORD_REQUIRED", "password");
    }
    let answer = root.mutate("deleteUser", own(json!({})), DELETED).await;
    answer.assert_refused_at("CURRENT_PASSWORD_REQUIRED", "id");
    app.anonymous().log_in("root", PASSWORD).await.assert_done();
    // Changes that need no password in `updateProfile` need none here.
    let input = own(json!({ "displayName": "Root", "email": "root@example.com", "password": null }));
    root.mutate("updateUser", input, USER).await.assert_done();
    root.mutate("updateUser", own(json!({ "roles": ["user"] })), USER).await.assert_done();
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for answer in [
        root.mutate("updateUser", json!({ "id": NOBODY, "displayName": "Nobody" }), USER).await,
        root.mutate("updateUser", json!({ "id": NOBODY, "password": OTHER_PASSWORD }), USER).await,
        root.mutate("deleteUser", json!({ "id": NOBODY }), DELETED).await,
        root.mutate("revokeSession", json!({ "id": NO_SESSION }), SESSION).await,
    ] {
        answer.assert_refused_at("NOT_FOUND", "id");
    }
    let revoked = root.mutate("revokeUserSessions", json!({ "userId": NOBODY }), COUNT).await;
    revoked.assert_refused_at("NOT_FOUND", "userId");
}

#[tokio::test]
async fn an_id_of_another_kind_is_a_bad_input() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for id in [
        "",
        "garbage",
        "user_",
        "USER_01h455vb4pex5vsknk084sn02q",
        "user_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "\0",
        &format!("{}_01h455vb4pex5vsknk084sn02q", "é".repeat(32)),
    ] {
        root.mutate("updateUser", json!({ "id": id }), USER).await.assert_failed("BAD_USER_INPUT");
        root.mutate("deleteUser", json!({ "id": id }), DELETED).await.assert_failed("BAD_USER_INPUT");
        root.mutate("revokeSession", json!({ "id": id }), SESSION).await.assert_failed("BAD_USER_INPUT");
        let revoked = root.mutate("revokeUserSessions", json!({ "userId": id }), COUNT).await;
        revoked.assert_failed("BAD_USER_INPUT");
    }
    root.mutate("deleteUser", json!({ "id": NO_SESSION }), DELETED).await.assert_failed("BAD_USER_INPUT");
    root.mutate("revokeSession", json!({ "id": NOBODY }), SESSION).await.assert_failed("BAD_USER_INPUT");
}

#[tokio::test]
async fn a_role_that_is_not_configured_is_unknown() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for role in ["wizard", "", "a\0b", "ADMIN", &"a".repeat(10_000)] {
        let new = json!({ "username": "ada", "password": PASSWORD, "roles": ["user", role] });
        root.mutate("createUser", new, USER).await.assert_refused_at("UNKNOWN_ROLE", "roles");
        let update = json!({ "id": root.user_id, "roles": ["admin", role] });
        root.mutate("updateUser", update, USER).await.assert_refused_at("UNKNOWN_ROLE", "roles");
    }
}
