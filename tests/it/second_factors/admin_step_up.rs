//! The login that operations of administrators require.

use portcullis::config::AuthenticationClass;

use super::*;
use crate::support::{OTHER_PASSWORD, USER};

const HOUR: Duration = Duration::from_hours(1);

async fn server(recent_login: Duration, acr: AuthenticationClass) -> TestApp {
    TestApp::with(|config| {
        config.admin.recent_login = recent_login;
        config.admin.acr = acr;
    })
    .await
}

/// Each operation of administrators on accounts.
async fn operations(root: &Client, user: &str) -> Vec<(&'static str, Answer)> {
    let inputs = [
        ("createUser", json!({ "username": "new", "password": PASSWORD })),
        ("inviteUser", json!({ "email": "new@example.com" })),
        ("updateUser", json!({ "id": user, "displayName": "Ada" })),
        ("updateUser", json!({ "id": user, "password": OTHER_PASSWORD })),
        ("resetSecondFactors", json!({ "userId": user })),
        ("deleteUser", json!({ "id": user })),
    ];
    let mut answers = Vec::new();
    for (name, input) in inputs {
        let selection = if name == "deleteUser" { "deletedId errors { code }" } else { USER };
        answers.push((name, root.mutate(name, input, selection).await));
    }
    answers
}

/// Says that the administrator must log in again, and how.
#[track_caller]
fn assert_login_required(answer: &Answer, max_age: &Value, acr_values: &Value) {
    answer.assert_unauthenticated("INSUFFICIENT_USER_AUTHENTICATION");
    let error = answer.error();
    assert_eq!((&error["maxAge"], &error["acrValues"]), (max_age, acr_values), "{error}");
}

#[tokio::test]
async fn operations_require_a_login_in_the_last_twelve_hours() {
    let app = TestApp::start().await;
    let mut root = app.admin().await;
    let ada = app.signed_in("ada").await;
    app.wait(12 * HOUR + Duration::from_secs(1));
    root.refresh().await.assert_done();
    for (name, answer) in operations(&root, &ada.user_id).await {
        assert_eq!(answer.error()["maxAge"], 12 * 60 * 60, "{name}");
        assert_login_required(&answer, &json!(12 * 60 * 60), &Value::Null);
    }
    // Reading needs no recent login, and neither does ending sessions, which must be possible at once.
    root.ask("{ users { totalCount } }").await.assert_done();
    let revoked = json!({ "userId": ada.user_id });
    root.mutate("revokeUserSessions", revoked, "revokedCount errors { code }").await.assert_done();

    reauthenticate(&mut root, json!({ "password": PASSWORD })).await.assert_done();
    for (name, answer) in operations(&root, &ada.user_id).await {
        assert!(answer.body.get("errors").is_none() && answer.codes().is_empty(), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_refused_operation_changes_nothing() {
    let app = TestApp::start().await;
    let mut root = app.admin().await;
    let ada = app.signed_in("ada").await;
    app.wait(13 * HOUR);
    root.refresh().await.assert_done();
    operations(&root, &ada.user_id).await;
    let query = "{ users { totalCount } auditEvents(first: 1) { nodes { action } } }";
    let state = root.ask(query).await;
    assert_eq!(state.assert_done().at("/users/totalCount"), 2);
    assert_eq!(state.at("/auditEvents/nodes/0/action"), "LOGIN_SUCCEEDED");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn zero_permits_operations_with_every_valid_token() {
    let app = server(Duration::ZERO, AuthenticationClass::Aal1).await;
    let mut root = app.admin().await;
    let ada = app.signed_in("ada").await;
    app.wait(6 * 24 * HOUR);
    root.refresh().await.assert_done();
    for (_, answer) in operations(&root, &ada.user_id).await {
        answer.assert_done();
    }
}

#[tokio::test]
async fn operations_require_two_factors_if_the_operator_wants_that() {
    for (recent_login, max_age) in [(HOUR, json!(3600)), (Duration::ZERO, Value::Null)] {
        let app = server(recent_login, AuthenticationClass::Aal2).await;
        let mut root = app.admin().await;
        let ada = app.signed_in("ada").await;
        for (_, answer) in operations(&root, &ada.user_id).await {
            assert_login_required(&answer, &max_age, &json!(["aal2"]));
        }
        reauthenticate(&mut root, json!({ "password": PASSWORD })).await.assert_done();
        for (_, answer) in operations(&root, &ada.user_id).await {
            assert_login_required(&answer, &max_age, &json!(["aal2"]));
        }
        let totp = start(&root).await;
        confirm(&root, &code(&totp, &app)).await.assert_done();
        root.refresh().await.assert_done();
        for (_, answer) in operations(&root, &ada.user_id).await {
            answer.assert_done();
        }
    }
}

#[tokio::test]
async fn a_personal_access_token_is_accepted_unless_two_factors_are_required() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let expires_at = app.clock().now() + 24 * HOUR * 30;
    let input = json!({ "name": "backup", "scopes": ["users:write"], "expiresAt": expires_at });
    let created = root.mutate("createPersonalAccessToken", input, "token errors { code }").await;
    let token = created.assert_done().at("/it/token").as_str().expect("a token").to_owned();
    app.wait(24 * HOUR);
    let create = |name: &str| json!({ "username": name, "password": PASSWORD });
    let program = app.anonymous().bearing(&token);
    program.mutate("createUser", create("ada"), USER).await.assert_done();

    let strict = app.replica_with(|config| config.admin.acr = AuthenticationClass::Aal2).await;
    let program = strict.anonymous().bearing(&token);
    let refused = program.mutate("createUser", create("grace"), USER).await;
    assert_eq!((refused.code(), &refused.error()["reason"]), ("FORBIDDEN", &json!("SESSION_REQUIRED")));
    let input = json!({ "token": token });
    let mut exchanged = strict.anonymous();
    let answer = exchanged.mutate("exchangePersonalAccessToken", input, AUTH).await;
    exchanged.keep(answer).assert_done();
    let refused = exchanged.mutate("createUser", create("grace"), USER).await;
    assert_eq!(refused.error()["reason"], "SESSION_REQUIRED");
}
