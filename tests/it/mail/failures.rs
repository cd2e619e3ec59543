use std::{collections::BTreeSet, time::Duration};

use portcullis::mail::{MessageKind, MessageState, NewMessage, Variables};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use super::{
    CODE, MailServer, Reply, TOKEN, count, enqueue, enqueue_all, list, record, reset, rows, until,
    until_waiting, with_smtp,
};
use crate::support::{PASSWORD, eventually};

/// The Message-ID headers of the accepted messages.
fn message_ids(server: &MailServer) -> Vec<String> {
    let id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned);
    server.accepted().iter().filter_map(|(_, text)| id(text)).collect()
}

#[tokio::test]
async fn a_message_waits_while_the_mail_server_is_unavailable_or_refuses_it_for_now() {
    for (reply, error) in [
        (Reply::Unavailable, "421"),
        (Reply::RefuseRecipient("421 4.3.2 closing"), "421"),
        (Reply::RefuseRecipient("450 4.2.0 greylisted"), "450"),
        (Reply::Stall, "did not accept the message within 1 s"),
        (Reply::Drop, "response"),
    ] {
        let server = MailServer::start(reply).await;
        let app = with_smtp(server.address).await;
        let id = enqueue(&app, reset("ada@example.org")).await;
        let waiting = until_waiting(&app, id, 1).await;
        assert_eq!(waiting.state, MessageState::Queued, "{reply:?}");
        let text = waiting.error.expect("a reason");
        assert!(text.contains(error), "{reply:?}: {text}");
        server.set(Reply::Accept);
        app.wait(Duration::from_mins(2));
        let sent = until(&app, id, MessageState::Sent).await;
        assert!(sent.attempts >= 2, "{reply:?}");
        assert_eq!(server.accepted().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_given_up_at_once() {
    let server = MailServer::start(Reply::RefuseRecipient("550 5.1.1 no such user")).await;
    let app = with_smtp(server.address).await;
    let root = app.admin().await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    let failed = until(&app, id, MessageState::Failed).await;
    assert!(failed.error.expect("a reason").contains("550"));
    assert_eq!(server.attempts(), 1);
    assert!(rows(&app).await.iter().all(|row| !row.contains(TOKEN)));
    let query = "query($filter: AuditEventFilter) { auditEvents(first: 9, filter: $filter) { totalCount: nodes { id } } }";
    let events = root.ask_with(query, json!({ "filter": { "actions": ["MESSAGE_FAILED"] } })).await;
    assert_eq!(events.assert_done().at("/auditEvents/totalCount").as_array().map(Vec::len), Some(1));
    // Others are not held up.
    server.set(Reply::Accept);
    let id = enqueue(&app, reset("bob@example.org")).await;
    until(&app, id, MessageState::Sent).await;
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day() {
    let app = with_smtp(MailServer::nowhere().await).await;
    let notice = || NewMessage {
        kind: MessageKind::PasswordChanged,
        variables: Variables::default(),
        ..reset("ada@example.org")
    };
    let id = enqueue(&app, notice()).await;
    until_waiting(&app, id, 1).await;
    app.wait(Duration::from_hours(23));
    app.app.mail.wake();
    until_waiting(&app, id, 2).await;
    assert_eq!(record(&app, id).await.map(|record| record.state), Some(MessageState::Queued));
    app.wait(Duration::from_hours(2));
    let failed = until(&app, id, MessageState::Failed).await;
    assert!(failed.error.expect("a reason").to_lowercase().contains("connection"));
}

#[tokio::test]
async fn a_mail_server_that_quotes_the_message_reveals_nothing() {
    for (reply, state) in [
        (Reply::QuoteMessage("554"), MessageState::Failed),
        (Reply::QuoteMessage("451"), MessageState::Queued),
    ] {
        let server = MailServer::start(reply).await;
        let app = with_smtp(server.address).await;
        let id = enqueue(&app, reset("ada@example.org")).await;
        let refused = until_waiting(&app, id, 1).await;
        assert_eq!(refused.state, state);
        let error = refused.error.expect("a reason");
        assert!(error.contains("withheld") && !error.contains(CODE), "{error}");
        // What was logged is searched for the token when the test ends.
        app.stop().await;
    }
}

#[tokio::test]
async fn a_lost_response_sends_a_message_twice_at_most() {
    let server = MailServer::start(Reply::AcceptAndDrop).await;
    let app = with_smtp(server.address).await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    until_waiting(&app, id, 1).await;
    server.set(Reply::Accept);
    app.wait(Duration::from_mins(1));
    until(&app, id, MessageState::Sent).await;
    let message_ids = message_ids(&server);
    assert_eq!(message_ids.len(), 2);
    assert_eq!(message_ids[0], message_ids[1], "a mailbox can recognize the second one");
}

#[tokio::test]
async fn ten_thousand_messages_behind_an_unreachable_server_cause_no_load() {
    const MESSAGES: usize = 10_000;
    let app = with_smtp(MailServer::nowhere().await).await;
    let ada = app.signed_in("ada").await;
    let messages: Vec<_> = (0..MESSAGES).map(|_| reset("ada@example.org")).collect();
    enqueue_all(&app, &messages).await;
    // Each new message wakes the task, and none of them is tried in turn.
    for _ in 0..100 {
        app.app.mail.wake();
        ada.ask("{ me { username } }").await.assert_done();
        app.anonymous().log_in("ada", PASSWORD).await.assert_done();
    }
    let db = app.app.database.reader();
    let sql = "SELECT CAST(SUM(attempts) AS INTEGER) AS attempts FROM outgoing_messages";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let attempts: i32 =
        row.expect("the database answers").expect("a row").try_get("", "attempts").expect("a sum");
    assert!((1..=64).contains(&attempts), "{attempts} attempts");
    assert_eq!(count(&app, MessageState::Queued).await, MESSAGES);
}

#[tokio::test]
async fn a_queue_is_sent_when_the_mail_server_is_available_again() {
    let server = MailServer::start(Reply::Unavailable).await;
    let app = with_smtp(server.address).await;
    let messages: Vec<_> = (0..30).map(|_| reset("ada@example.org")).collect();
    enqueue_all(&app, &messages).await;
    eventually(async || server.connections() > 0).await;
    server.set(Reply::Accept);
    // An attempt that fails after the wait would schedule the next one too late.
    eventually(async || {
        let queued = list(&app, MessageState::Queued).await;
        queued.iter().all(|record| record.attempts == 0 || record.error.is_some())
    })
    .await;
    app.wait(Duration::from_mins(2));
    eventually(async || {
        app.app.mail.wake();
        count(&app, MessageState::Sent).await == 30
    })
    .await;
    assert_eq!(message_ids(&server).into_iter().collect::<BTreeSet<_>>().len(), 30);
}
