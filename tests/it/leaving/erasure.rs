//! A deleted account leaves no message, no proof and no personal access token behind, whichever way it is deleted.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::{WEEK, app, leave, pass};
use crate::support::{AUTH, Client, PASSWORD, Process, TestApp, USER};

const ADDRESS: &str = "ada@example.com";
const OLD_ADDRESS: &str = "old@example.com";

/// An account with sent messages and proofs: one that sets a password, and one that undoes a change of the address.
async fn with_messages(app: &TestApp) -> Client {
    let mut ada = app.anonymous();
    let input = json!({ "username": "ada", "email": OLD_ADDRESS, "password": PASSWORD });
    let registered = ada.mutate("register", input, AUTH).await;
    ada.keep(registered).assert_done();
    verify(app, OLD_ADDRESS).await;
    ada.mutate("updateProfile", json!({ "email": ADDRESS }), USER).await.assert_done();
    verify(app, ADDRESS).await;
    for address in [ADDRESS, "bob@example.com"] {
        let input = json!({ "email": address });
        ada.mutate("requestPasswordReset", input, "errors { code }").await.assert_done();
    }
    app.until_outbox_is_empty().await;
    let token = json!({ "name": "a", "scopes": [], "expiresAt": app.clock().now() + WEEK });
    ada.mutate("createPersonalAccessToken", token, "errors { code }").await.assert_done();
    ada
}

async fn verify(app: &TestApp, address: &str) {
    let proof = json!({ "token": app.newest_message(address).await.token });
    let input = json!({ "proof": proof });
    app.anonymous().mutate("verifyEmail", input, "errors { code }").await.assert_done();
}

/// The numbers of messages to the addresses of ada, of her proofs, and of all personal access tokens.
async fn rows(db: &impl ConnectionTrait) -> [i64; 3] {
    let mut counts = [0; 3];
    let addresses = format!("'{ADDRESS}', '{OLD_ADDRESS}'");
    let tables = [
        format!("outgoing_messages WHERE recipient IN ({addresses})"),
        format!("email_proofs WHERE email IN ({addresses})"),
        "personal_access_tokens".to_owned(),
    ];
    for (rows, count) in tables.into_iter().zip(&mut counts) {
        let sql = format!("SELECT COUNT(*) AS count FROM {rows}");
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        *count = row.expect("an answer").expect("a row").try_get("", "count").expect("a number");
    }
    counts
}

async fn assert_some(app: &TestApp) {
    let [messages, proofs, tokens] = rows(app.app.database.reader()).await;
    assert!(messages >= 4 && proofs >= 4 && tokens == 1, "{messages} {proofs} {tokens}");
}

async fn assert_none(app: &TestApp) {
    assert_eq!(rows(app.app.database.reader()).await, [0, 0, 0]);
}

#[tokio::test]
async fn nothing_remains_of_a_user_who_deletes_the_own_account() {
    let app = TestApp::start().await;
    let ada = with_messages(&app).await;
    assert_some(&app).await;
    leave(&ada).await.assert_done();
    assert_none(&app).await;
}

#[tokio::test]
async fn nothing_remains_of_an_account_that_an_administrator_deletes() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, with_messages(&app).await);
    let input = json!({ "id": ada.user_id });
    root.mutate("deleteUser", input, "deletedId errors { code }").await.assert_done();
    assert_none(&app).await;
}

#[tokio::test]
async fn nothing_remains_of_an_account_whose_scheduled_deletion_is_due() {
    let app = app().await;
    let ada = with_messages(&app).await;
    leave(&ada).await.assert_done();
    assert_some(&app).await;
    pass(&app, WEEK).await;
    assert_none(&app).await;
}

#[tokio::test]
async fn nothing_remains_of_an_account_that_is_deleted_on_the_command_line() {
    let process = Process::start(&[]).await;
    let input = json!({ "username": "ada", "email": ADDRESS, "password": PASSWORD });
    process.anonymous().mutate("register", input, "errors { code }").await.assert_done();
    let db = process.database().connect().await;
    assert_eq!(rows(&db).await, [1, 1, 0]);
    process.run(&["users", "delete", "ada", "--yes"]);
    assert_eq!(rows(&db).await, [0, 0, 0]);
}

#[tokio::test]
async fn an_export_has_the_messages_and_the_valid_proofs_without_secrets() {
    let app = TestApp::start().await;
    let ada = with_messages(&app).await;
    let messages = app.messages(ADDRESS).await;
    let reset = messages.iter().rfind(|message| !message.code.is_empty()).expect("a message with a code");
    let answer = ada.ask("{ exportAccount { data } }").await;
    let data = answer.assert_done().at("/exportAccount/data");
    let [messages, proofs] =
        ["messages", "emailProofs"].map(|list| data[list].as_array().expect("a list").clone());
    let kinds: Vec<_> = messages.iter().map(|message| (&message["kind"], &message["recipient"])).collect();
    let expected = [
        ("token_created", ADDRESS),
        ("reset_password", ADDRESS),
        ("email_changed", OLD_ADDRESS),
        ("verify_email", ADDRESS),
        ("verify_email", OLD_ADDRESS),
    ]
    .map(|(kind, recipient)| (json!(kind), json!(recipient)));
    assert_eq!(kinds, expected.each_ref().map(|(kind, recipient)| (kind, recipient)));
    for message in &messages {
        assert_eq!(message["state"], "sent");
        assert!(message["createdAt"].is_string() && message["sentAt"].is_string(), "{message}");
    }
    let purposes: Vec<_> = proofs.iter().map(|proof| (&proof["purpose"], &proof["email"])).collect();
    let expected = [("reset_password", ADDRESS), ("undo_email_change", OLD_ADDRESS)]
        .map(|(purpose, email)| (json!(purpose), json!(email)));
    assert_eq!(
        purposes,
        expected.each_ref().map(|(purpose, email)| (purpose, email)),
        "used ones are not valid"
    );
    assert!(proofs.iter().all(|proof| proof["expiresAt"].is_string()), "{proofs:?}");
    let text = answer.body.to_string();
    for secret in [&reset.token, &reset.code, "\"token\"", "challenge", "bob@example.com"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
