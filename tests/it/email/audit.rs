use serde_json::json;

use super::{ADDRESS, by_token, request, verify, with_verified_address};
use crate::support::{AUTH, Client, OTHER_PASSWORD, TestApp};

/// Asserts that the newest event of an action is one by ada on her own account.
async fn assert_recorded(root: &Client, action: &str) {
    let query = "query($actions: [AuditAction!]) { auditEvents(first: 1, filter: { actions: $actions }) \
        { nodes { actor { username } user { username } } } }";
    let answer = root.ask_with(query, json!({ "actions": [action] })).await;
    let ada = json!({ "username": "ada" });
    let expected = json!([{ "actor": ada, "user": ada }]);
    assert_eq!(answer.assert_done().at("/auditEvents/nodes"), &expected, "{action}");
}

#[tokio::test]
async fn what_an_account_does_by_e_mail_is_recorded() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    assert_recorded(&root, "EMAIL_VERIFIED").await;

    ada.mutate("updateProfile", json!({ "email": "new@example.com" }), "errors { code }").await.assert_done();
    verify(&app, &app.newest_message("new@example.com").await.token).await.assert_done();
    let undo = json!({ "token": app.newest_message(ADDRESS).await.token });
    ada.mutate("undoEmailChange", undo, "errors { code }").await.assert_done();
    assert_recorded(&root, "EMAIL_CHANGE_UNDONE").await;

    request(&app.anonymous(), "requestPasswordReset", ADDRESS).await;
    let proof = by_token(&app.newest_message(ADDRESS).await.token);
    let reset = json!({ "proof": proof, "newPassword": OTHER_PASSWORD });
    app.anonymous().mutate("resetPassword", reset, AUTH).await.assert_done();
    assert_recorded(&root, "PASSWORD_RESET").await;
}
