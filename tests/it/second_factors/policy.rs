//! The policy that accounts must have a second factor, its grace period, and what it does to users.

use portcullis::{
    admin::UserUpdate,
    audit::Actor,
    config::{RequiredFactors, RoleConfig},
    id::UserId,
};

use super::*;

/// The fields of a sign-in that may add the first factor.
pub(super) const ENROLLING: &str = "challenge { token expiresAt methods enrolment { secret uri } } accessToken refreshToken recoveryCodes \
                         user { id username } session { id } errors { code message field retryAfter }";

pub(super) const DAY: Duration = Duration::from_hours(24);

/// The grace period of the servers of these tests.
pub(super) const GRACE: Duration = Duration::from_hours(48);

/// Half an hour less than the grace period.
pub(super) const NEARLY_GRACE: Duration = Duration::from_mins(48 * 60 - 30);

pub(super) async fn server(required: RequiredFactors) -> TestApp {
    TestApp::with(|config| {
        config.factors.required = required;
        config.factors.grace = GRACE;
        config.accounts.email_sign_in = true;
    })
    .await
}

/// A sign-in that must add a factor: its challenge, and the new app.
pub(super) struct Enrolment {
    pub(super) challenge: String,
    pub(super) app: Totp,
}

impl Enrolment {
    /// Reads the answer of a sign-in.
    #[track_caller]
    pub(super) fn of(answer: &Answer) -> Self {
        answer.assert_refused("SECOND_FACTOR_REQUIRED");
        for nothing in ["accessToken", "refreshToken", "recoveryCodes", "user", "session"] {
            assert_eq!(answer.at(&format!("/it/{nothing}")), &Value::Null, "{nothing}");
        }
        assert_eq!(answer.at("/it/challenge/methods"), &json!(["TOTP"]));
        let text = |path: &str| answer.at(path).as_str().expect("text").to_owned();
        let app = Totp::from_url(text("/it/challenge/enrolment/uri")).expect("a URI that an app can read");
        let secret = Secret::try_from_base32(text("/it/challenge/enrolment/secret")).expect("base32");
        assert_eq!(app.secret(), &secret);
        Self { challenge: text("/it/challenge/token"), app }
    }
}

pub(super) async fn log_in(client: &Client, username: &str) -> Answer {
    let input = json!({ "username": username, "password": PASSWORD });
    client.mutate("login", input, ENROLLING).await
}

pub(super) async fn enrol(client: &mut Client, challenge: &str, factor: Value) -> Answer {
    let input = json!({ "challenge": challenge, "factor": factor });
    let answer = client.mutate("verifySecondFactor", input, ENROLLING).await;
    client.keep(answer)
}

pub(super) async fn deadline(client: &Client) -> Value {
    client.ask("{ me { secondFactorDeadline } }").await.assert_done().at("/me/secondFactorDeadline").clone()
}

pub(super) async fn remove_totp(client: &Client) -> Answer {
    client.ask("mutation { it: removeTotp { user { id } errors { code message } } }").await
}

/// A user whose grace period is over.
pub(super) async fn overdue(app: &TestApp, username: &str) -> Client {
    let client = app.signed_in(username).await;
    app.wait(GRACE);
    client
}

pub(super) fn user_id(client: &Client) -> UserId {
    decode(client.token.as_deref().expect("a token")).1["sub"].as_str().expect("text").parse().expect("an id")
}

#[tokio::test]
async fn without_a_policy_no_account_has_a_deadline() {
    let app = server(RequiredFactors::Off).await;
    let mut ada = overdue(&app, "ada").await;
    ada.refresh().await.assert_done();
    assert_eq!(deadline(&ada).await, Value::Null);
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn until_the_deadline_everything_works_and_then_a_sign_in_adds_the_factor() {
    let app = server(RequiredFactors::Everyone).await;
    let mut ada = app.signed_in("ada").await;
    let until = deadline(&ada).await;
    let expected = app.clock().now() + GRACE;
    let until: chrono::DateTime<chrono::Utc> = until.as_str().expect("a time").parse().expect("a time");
    assert!((expected - until).num_seconds().abs() < 30, "{until}");
    app.wait(DAY);
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada.refresh().await.assert_done();

    app.wait(DAY);
    let mut client = app.anonymous();
    let enrolment = Enrolment::of(&log_in(&client, "ada").await);
    let wrong = json!({ "totp": wrong_code(&enrolment.app, &app) });
    enrol(&mut client, &enrolment.challenge, wrong).await.assert_refused("INVALID_CODE");
    let recovery = json!({ "recoveryCode": "0000-0000-0000-0000" });
    enrol(&mut client, &enrolment.challenge, recovery).await.assert_refused("INVALID_CODE");
    let done = enrol(&mut client, &enrolment.challenge, json!({ "totp": code(&enrolment.app, &app) })).await;
    let codes = done.assert_done().at("/it/recoveryCodes").as_array().expect("codes").clone();
    assert_eq!(codes.len(), 10);
    assert_eq!(claims(&client)["acr"], "aal2");
    let after = factors(&client).await;
    assert_eq!(
        (&after["secondFactorRequired"], &after["recoveryCodes"]["remaining"]),
        (&json!(true), &json!(10))
    );
    assert_eq!(deadline(&client).await, Value::Null);
    client.refresh().await.assert_done();

    // From now on it is an account with a factor like any other.
    let code_used = json!({ "totp": code(&enrolment.app, &app) });
    let mut other = app.anonymous();
    let challenge = first_step(&other, "ada").await;
    second_step(&mut other, &challenge, code_used).await.assert_refused("INVALID_CODE");
    second_step(&mut other, &challenge, json!({ "recoveryCode": codes[0] })).await.assert_done();
}

#[tokio::test]
async fn the_first_factor_at_a_sign_in_is_recorded_and_announced_and_ends_other_sessions() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = app.signed_in("ada").await;
    let change = json!({ "email": "ada@example.com" });
    ada.mutate("updateProfile", change, "errors { code }").await.assert_done();
    app.verify_email("ada").await;
    app.wait(NEARLY_GRACE);
    let mut intruder = app.anonymous();
    intruder.log_in("ada", PASSWORD).await.assert_done();
    app.wait(Duration::from_mins(30));
    intruder.me().await.assert_done();

    let mut client = app.anonymous();
    let enrolment = Enrolment::of(&log_in(&client, "ada").await);
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut client, &enrolment.challenge, factor).await.assert_done();
    intruder.me().await.assert_unauthenticated("TOKEN_REVOKED");
    let message = app.newest_message("ada@example.com").await;
    assert!(message.text.contains("Subject: A second factor was added to your account"), "{}", message.text);
    let query = "{ me { id } session { methods } }";
    assert_eq!(client.ask(query).await.at("/session/methods"), &json!(["PASSWORD", "TOTP"]));
}

#[tokio::test]
async fn without_a_grace_period_a_registration_and_an_invitation_add_the_factor() {
    let app = TestApp::with(|config| {
        config.factors.required = RequiredFactors::Everyone;
        config.factors.grace = Duration::ZERO;
    })
    .await;
    let mut ada = app.anonymous();
    let input = json!({ "username": "ada", "password": PASSWORD });
    let enrolment = Enrolment::of(&ada.mutate("register", input, ENROLLING).await);
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut ada, &enrolment.challenge, factor).await.assert_done();
    let invited = json!({ "email": "grace@example.com", "username": "grace" });
    let by_server = Actor::Server;
    let invitation = portcullis::admin::Invitation {
        email: portcullis::accounts::EmailAddress::parse("grace@example.com").expect("an address"),
        username: portcullis::accounts::Username::parse("grace").expect("a username"),
        display_name: None,
        roles: vec!["user".to_owned()],
        locale: None,
    };
    app.app.admin.invite_user(invitation, by_server).await.expect("an invitation");
    let token = app.newest_message(invited["email"].as_str().expect("text")).await.token;
    let input = json!({ "token": token, "password": PASSWORD });
    let mut grace = app.anonymous();
    let enrolment = Enrolment::of(&grace.mutate("acceptInvitation", input, ENROLLING).await);
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut grace, &enrolment.challenge, factor).await.assert_done();
}

#[tokio::test]
async fn the_end_of_a_session_by_the_policy_is_in_the_audit_log() {
    let app = server(RequiredFactors::Everyone).await;
    let mut ada = overdue(&app, "ada").await;
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    app.app.admin.reset_second_factors(user_id(&ada), Actor::Server).await.expect("a reset");
    let query = portcullis::audit::EventFilter::default();
    let page = portcullis::database::PageRequest::parse(Some(10), None, None, None).expect("a page");
    let events = app.app.audit.list(&query, &page).await.expect("events");
    let actions: Vec<_> = events.iter().map(|event| event.action.name()).collect();
    assert!(actions.contains(&"SECOND_FACTOR_OVERDUE"), "{actions:?}");
}

#[tokio::test]
async fn the_last_factor_can_be_replaced_but_not_removed() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = Enrolled::new(&app, "ada").await;
    let refused = remove_totp(&ada.client).await;
    refused.assert_refused("SECOND_FACTOR_REQUIRED");
    assert_eq!(factors(&ada.client).await["secondFactorRequired"], true);
    let next = start(&ada.client).await;
    confirm(&ada.client, &code(&next, &app)).await.assert_done();
    app.wait(TWO_STEPS);
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    second_step(&mut client, &challenge, json!({ "totp": code(&next, &app) })).await.assert_done();
}

#[tokio::test]
async fn after_a_reset_by_an_administrator_the_next_sign_in_adds_a_factor() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = Enrolled::new(&app, "ada").await;
    let root = app.admin().await;
    let input = json!({ "userId": ada.client.user_id });
    let selection = "user { secondFactorRequired secondFactorDeadline } errors { code }";
    let reset = root.mutate("resetSecondFactors", input, selection).await;
    let until = reset.assert_done().at("/it/user/secondFactorDeadline").as_str().expect("a time").to_owned();
    let until: chrono::DateTime<chrono::Utc> = until.parse().expect("a time");
    assert!(until <= app.clock().now(), "{until}");
    let mut client = app.anonymous();
    let enrolment = Enrolment::of(&log_in(&client, "ada").await);
    let old = json!({ "totp": code(&ada.app, &app) });
    enrol(&mut client, &enrolment.challenge, old).await.assert_refused("INVALID_CODE");
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut client, &enrolment.challenge, factor).await.assert_done();
}

#[tokio::test]
async fn a_policy_for_administrators_concerns_whoever_has_one_of_their_scopes() {
    let app = TestApp::with(|config| {
        config.factors.required = RequiredFactors::Admins;
        config.factors.grace = GRACE;
        config.roles.insert("auditor".to_owned(), RoleConfig::new(["audit:read"]));
        config.roles.insert("editor".to_owned(), RoleConfig::new(["posts:write"]));
    })
    .await;
    let mut root = app.admin().await;
    let mut auditor = app.with_roles("auditor", &["auditor"]).await;
    let mut editor = app.with_roles("editor", &["editor"]).await;
    let mut ada = app.signed_in("ada").await;
    let grace = app.signed_in("grace").await;
    for concerned in [&root, &auditor] {
        assert_ne!(deadline(concerned).await, Value::Null);
    }
    for other in [&editor, &ada] {
        assert_eq!(deadline(other).await, Value::Null);
    }
    let seen = |client: &Client, id: &str| {
        let query = format!("{{ node(id: \"{id}\") {{ ... on User {{ secondFactorDeadline }} }} }}");
        let client = client.clone();
        async move { client.ask(&query).await.assert_done().at("/node/secondFactorDeadline").clone() }
    };
    assert_ne!(seen(&root, &auditor.user_id).await, Value::Null);

    // A user who becomes an administrator has the grace period from then on.
    app.wait(Duration::from_mins(30));
    let promote = json!({ "id": ada.user_id, "roles": ["user", "auditor"] });
    root.mutate("updateUser", promote, "errors { code }").await.assert_done();
    ada.refresh().await.assert_done();
    app.wait(NEARLY_GRACE);
    for concerned in [&mut root, &mut auditor] {
        concerned.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    }
    editor.refresh().await.assert_done();
    ada.refresh().await.assert_done();
    app.wait(Duration::from_mins(30));
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    Enrolment::of(&log_in(&app.anonymous(), "ada").await);
    // Who loses the role is free of it, and who gets it back gets no new period.
    let by_server = || Actor::Server;
    for (roles, is_free) in [(vec!["user"], true), (vec!["auditor"], false)] {
        let roles = roles.into_iter().map(ToOwned::to_owned).collect();
        let update = UserUpdate { roles: Some(roles), ..UserUpdate::default() };
        app.app.admin.update_user(user_id(&ada), update, by_server()).await.expect("an update");
        let answer = log_in(&app.anonymous(), "ada").await;
        if is_free {
            answer.assert_done();
        } else {
            Enrolment::of(&answer);
        }
    }
    drop(grace);
}

#[tokio::test]
async fn a_deadline_is_private() {
    let app = server(RequiredFactors::Everyone).await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    let query = format!("{{ node(id: \"{}\") {{ ... on User {{ secondFactorDeadline }} }} }}", ada.user_id);
    assert_eq!(grace.ask(&query).await.at("/node"), &Value::Null);
}

#[tokio::test]
async fn the_server_counts_the_accounts_that_the_policy_waits_for() {
    let app = server(RequiredFactors::Everyone).await;
    Enrolled::new(&app, "ada").await;
    app.signed_in("grace").await;
    app.admin().await;
    assert_eq!(app.app.accounts.count_without_factor().await.expect("a count"), Some(2));
    let admins = app.replica_with(|config| config.factors.required = RequiredFactors::Admins).await;
    assert_eq!(admins.app.accounts.count_without_factor().await.expect("a count"), Some(1));
    let off = app.replica_with(|config| config.factors.required = RequiredFactors::Off).await;
    assert_eq!(off.app.accounts.count_without_factor().await.expect("a count"), None);
}
