//! The life cycle of an account.

use serde_json::json;

use crate::support::{AUTH, OTHER_PASSWORD, PASSWORD, TestApp};

#[tokio::test]
async fn an_account_lives_from_registration_to_deletion() {
    let app = TestApp::start().await;
    let mut ada = app.anonymous();

    let registered = ada.register("Ada", PASSWORD).await;
    registered.assert_done();
    assert_eq!(registered.at("/it/expiresIn"), 3600);

    let me = ada.ask("{ me { username roles disabled emailVerified } session { current } }").await;
    assert_eq!(
        me.body["data"],
        json!({
            "me": { "username": "Ada", "roles": ["user"], "disabled": false, "emailVerified": false },
            "session": { "current": true },
        })
    );

    ada.refresh().await.assert_done();
    let profile = json!({ "displayName": "Ada Lovelace", "email": "ada@example.com" });
    let updated = ada.mutate("updateProfile", profile, "user { displayName email } errors { code }").await;
    assert_eq!(updated.at("/it/user/displayName"), "Ada Lovelace");

    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", change, AUTH).await;
    ada.keep(changed).assert_done();
    ada.ask("{ me { id } }").await.assert_done();

    let signed_out = ada.ask("mutation { it: logout { errors { code } } }").await;
    signed_out.assert_done();
    ada.ask("{ me { id } }").await.assert_failed("UNAUTHENTICATED");

    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    ada.log_in("ADA", OTHER_PASSWORD).await.assert_done();
    let closed =
        ada.mutate("deleteAccount", json!({ "password": OTHER_PASSWORD }), "deletedId errors { code }");
    assert_eq!(closed.await.at("/it/deletedId"), &*ada.user_id);
    ada.ask("{ me { id } }").await.assert_failed("UNAUTHENTICATED");
    app.anonymous().log_in("ada", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
}
