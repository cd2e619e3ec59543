//! Personal access tokens at every root field. A new field must decide whether it accepts them.

use std::collections::BTreeSet;

use portcullis::sign_in::graphql::CREDENTIAL_FIELDS;
use serde_json::json;

use super::{assert_passes, fields::RootField, root_fields, scopes};
use crate::support::{Client, TestApp};

/// The guarded fields that accept a personal access token, if it has their scopes.
const ACCEPTED: [&str; 11] = [
    "Subscription.accountEvents",
    "Subscription.auditEvents",
    "auditEvents",
    "createUser",
    "deleteUser",
    "inviteUser",
    "me",
    "revokeUserSessions",
    "updateUser",
    "user",
    "users",
];

/// The guarded fields that accept none: they are about the session, the credentials or the data of the caller.
const REFUSED: [&str; 21] = [
    "addPasskey",
    "changePassword",
    "confirmTotp",
    "createPersonalAccessToken",
    "createRecoveryCodes",
    "deleteAccount",
    "deletePasskey",
    "exportAccount",
    "reauthenticate",
    "removeTotp",
    "renamePasskey",
    "resetSecondFactors",
    "revokeOtherSessions",
    "revokePersonalAccessToken",
    "revokeSession",
    "revokeTrustedDevice",
    "session",
    "startPasskey",
    "startReauthentication",
    "startTotp",
    "updateProfile",
];

/// A client with a personal access token that has all scopes.
async fn with_all_scopes(app: &TestApp) -> Client {
    let root = app.admin().await;
    let expires_at = app.clock().now() + std::time::Duration::from_hours(24);
    let scopes: Vec<String> = scopes().into_iter().collect();
    let input = json!({ "name": "all", "scopes": scopes, "expiresAt": expires_at });
    let answer = root.mutate("createPersonalAccessToken", input, "token errors { code }").await;
    app.anonymous().bearing(answer.assert_done().at("/it/token").as_str().expect("a token"))
}

#[tokio::test]
async fn each_guarded_field_decides_whether_it_accepts_a_personal_access_token() {
    let app = TestApp::start().await;
    let client = with_all_scopes(&app).await;
    let guarded: Vec<_> = root_fields().into_iter().filter(RootField::is_guarded).collect();
    let names: BTreeSet<&str> = guarded.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ACCEPTED.into_iter().chain(REFUSED).collect());
    for field in &guarded {
        let answer = field.ask(&client).await;
        if ACCEPTED.contains(&field.name.as_str()) {
            assert_passes(&answer, &field.name);
        } else {
            let refused = (answer.code(), &answer.error()["reason"]);
            assert_eq!(refused, ("FORBIDDEN", &json!("SESSION_REQUIRED")), "{}", field.name);
        }
    }
}

#[tokio::test]
async fn no_field_that_checks_or_sets_a_credential_accepts_a_personal_access_token() {
    let app = TestApp::start().await;
    let client = with_all_scopes(&app).await;
    for field in root_fields().iter().filter(|field| CREDENTIAL_FIELDS.contains(&field.name.as_str())) {
        let answer = field.ask(&client).await;
        assert_eq!(answer.code(), "FORBIDDEN", "{}: {}", field.name, answer.body);
        assert_eq!(answer.error()["reason"], "SESSION_REQUIRED", "{}", field.name);
        assert!(answer.body.get("data").is_none(), "nothing is executed: {}", answer.body);
    }
}
