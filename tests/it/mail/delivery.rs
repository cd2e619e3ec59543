use std::time::Duration;

use portcullis::mail::{MessageState, NewMessage};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{
    CODE, MailServer, Reply, TOKEN, account, count, enqueue, enqueue_all, record, reset, rows, until,
    until_waiting, with_smtp,
};
use crate::support::eventually;

#[tokio::test]
async fn a_message_is_sent_once_and_its_link_is_deleted() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    let root = app.admin().await;
    let user = account(&app, "ada").await;
    let id = enqueue(&app, NewMessage { user: Some(user), ..reset("ada@example.org") }).await;
    let record = until(&app, id, MessageState::Sent).await;
    assert_eq!((record.attempts, record.error, record.next_attempt_at), (1, None, None));
    let accepted = server.accepted();
    let [(recipient, text)] = accepted.as_slice() else { panic!("{accepted:?}") };
    assert_eq!(recipient, "ada@example.org");
    for part in ["Subject: Choose a new password", "From: Example <no-reply@example.com>", "7351 9284"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("evil.example"), "a client cannot write into a message");
    assert!(rows(&app).await.iter().all(|row| row.trim().is_empty()), "the link is deleted");
    let query = "query($filter: AuditEventFilter) { auditEvents(first: 9, filter: $filter) { nodes { user { username } } } }";
    let sent = root.ask_with(query, json!({ "filter": { "actions": ["MESSAGE_SENT"] } })).await;
    assert_eq!(sent.assert_done().at("/auditEvents/nodes"), &json!([{ "user": { "username": "ada" } }]));
}

#[tokio::test]
async fn a_link_and_a_code_are_encrypted_in_the_database() {
    let app = with_smtp(MailServer::nowhere().await).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    until_waiting(&app, id, 1).await;
    for row in rows(&app).await {
        assert!(!row.contains(TOKEN) && !row.contains(CODE), "{row}");
    }
}

#[tokio::test]
async fn messages_share_connections() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    let messages: Vec<_> = (0..40).map(|_| reset("ada@example.org")).collect();
    enqueue_all(&app, &messages).await;
    eventually(async || server.accepted().len() == 40).await;
    assert!(server.connections() <= 20, "{}", server.connections());
}

#[tokio::test]
async fn two_servers_send_each_message_once() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    let other = app.replica().await;
    let addresses: Vec<String> = (0..100).map(|number| format!("user{number:03}@example.org")).collect();
    let messages: Vec<_> = addresses.iter().map(|address| reset(address)).collect();
    enqueue_all(&app, &messages).await;
    other.app.mail.wake();
    eventually(async || count(&app, MessageState::Sent).await == addresses.len()).await;
    let mut recipients: Vec<String> = server.accepted().into_iter().map(|(recipient, _)| recipient).collect();
    recipients.sort_unstable();
    assert_eq!(recipients, addresses);
}

#[tokio::test]
async fn another_server_takes_over_when_the_lease_has_expired() {
    let stalled = MailServer::start(Reply::Stall).await;
    let app = with_smtp(stalled.address).await;
    let working = MailServer::start(Reply::Accept).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    eventually(async || stalled.attempts() == 1).await;
    // The first server dies while it sends.
    app.stop().await;
    let lease = record(&app, id).await.expect("it is queued").next_attempt_at.expect("a lease");
    let port = working.address.port();
    let other = app.replica_with(|config| config.mail.smtp.port = Some(port)).await;
    if lease > app.clock().now() {
        other.app.mail.wake();
        assert_eq!(working.attempts(), 0, "the lease is kept");
    }
    app.wait(Duration::from_mins(1));
    let record = until(&other, id, MessageState::Sent).await;
    assert_eq!((record.attempts, working.accepted().len()), (2, 1));
}

#[tokio::test]
async fn a_decoy_leaves_nothing_behind_and_reaches_nobody() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    let decoy = NewMessage { is_decoy: true, ..reset("nobody@example.org") };
    let ids = enqueue_all(&app, &[decoy, reset("ada@example.org")]).await;
    assert!(record(&app, ids[0]).await.is_none(), "no list has it");
    until(&app, ids[1], MessageState::Sent).await;
    eventually(async || rows(&app).await.len() == 1).await;
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn no_message_reaches_a_suppressed_address() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    assert!(app.app.mail.suppress("ADA@example.org").await.expect("is stored"));
    assert!(!app.app.mail.suppress("ada@EXAMPLE.org").await.expect("was stored"));
    let id = enqueue(&app, reset("Ada@Example.org")).await;
    let record = until(&app, id, MessageState::Failed).await;
    assert_eq!(record.error.as_deref(), Some("the address is suppressed"));
    assert_eq!(server.attempts(), 0);
    assert!(app.app.mail.unsuppress("ada@example.org").await.expect("is deleted"));
    let id = enqueue(&app, reset("ada@example.org")).await;
    until(&app, id, MessageState::Sent).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_decrypted_is_given_up() {
    let app = with_smtp(MailServer::nowhere().await).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    until_waiting(&app, id, 1).await;
    let sql = "UPDATE outgoing_messages SET sealed_variables = NULL";
    app.app.database.writer().execute_unprepared(sql).await.expect("the row is there");
    app.wait(Duration::from_mins(5));
    let record = until(&app, id, MessageState::Failed).await;
    assert!(record.error.expect("a reason").contains("cannot be unsealed"));
}

#[tokio::test]
async fn a_message_whose_link_has_expired_is_not_sent() {
    let server = MailServer::start(Reply::RefuseRecipient("450 4.2.0 greylisted")).await;
    let app = with_smtp(server.address).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    until_waiting(&app, id, 1).await;
    server.set(Reply::Accept);
    app.wait(Duration::from_mins(31));
    let record = until(&app, id, MessageState::Failed).await;
    assert_eq!(record.error.as_deref(), Some("its link expired before it could be sent"));
    assert_eq!(server.accepted().len(), 0);
}

#[tokio::test]
async fn records_are_deleted_after_the_retention() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    until(&app, id, MessageState::Sent).await;
    assert_eq!(app.app.mail.sweep(10).await, Ok(0));
    app.wait(Duration::from_hours(31 * 24));
    assert_eq!(app.app.mail.sweep(10).await, Ok(1));
}
