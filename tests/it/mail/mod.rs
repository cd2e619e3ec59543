//! Messages by e-mail: each is sent once, whatever the mail server does, and its link stays secret.

mod commands;
mod delivery;
mod failures;
mod folder;
mod kills;
mod limits;
mod server;
mod starttls;
mod templates;
mod unreachable;

use std::{net::SocketAddr, time::Duration};

use portcullis::{
    config::{MailTransport, SmtpEncryption},
    id::{MessageId, UserId},
    mail::{MessageClient, MessageFilter, MessageKind, MessageRecord, MessageState, NewMessage, Variables},
};
use sea_orm::{ConnectionTrait, Statement};

use self::server::{MailServer, Reply};
use crate::support::{TestApp, eventually};

/// The token and the code of the messages in these tests.
const TOKEN: &str = "v3ryS3cretT0kenOfAMessageThatNobodyElseMaySee";
const CODE: &str = "73519284";

/// A server that sends messages to a mail server.
async fn with_smtp(address: SocketAddr) -> TestApp {
    let app = TestApp::with(|config| {
        config.mail.transport = MailTransport::Smtp;
        "Example <no-reply@example.com>".clone_into(&mut config.mail.from);
        config.mail.send_timeout = Duration::from_secs(1);
        config.mail.smtp.host = Some(address.ip().to_string());
        config.mail.smtp.port = Some(address.port());
        config.mail.smtp.encryption = SmtpEncryption::None;
    })
    .await;
    app.secrets.add(TOKEN);
    app
}

/// The variables of a message with a link and a code.
fn variables() -> Variables {
    Variables {
        username: Some("ada".to_owned()),
        link: Some(format!("https://id.example.com/account/reset-password#token={TOKEN}")),
        code: Some(CODE.to_owned()),
        expires_in: Some(Duration::from_mins(30)),
        client: Some(MessageClient {
            ip_address: [192, 0, 2, 7].into(),
            user_agent: Some("Your account is blocked: https://evil.example".to_owned()),
        }),
        ..Variables::default()
    }
}

/// A message that resets a password.
fn reset(recipient: &str) -> NewMessage<'_> {
    NewMessage {
        kind: MessageKind::ResetPassword,
        user: None,
        recipient,
        locale: None,
        is_decoy: false,
        variables: variables(),
    }
}

/// Writes messages to the outbox in one transaction.
async fn enqueue_all(app: &TestApp, messages: &[NewMessage<'_>]) -> Vec<MessageId> {
    let transaction = app.app.database.begin().await.expect("the database is available");
    let mut ids = Vec::new();
    for message in messages {
        ids.push(app.app.mail.enqueue(&transaction, message).await.expect("the row is written"));
    }
    transaction.commit().await.expect("the rows are kept");
    app.app.mail.wake();
    ids
}

async fn enqueue(app: &TestApp, message: NewMessage<'_>) -> MessageId {
    enqueue_all(app, &[message]).await[0]
}

async fn record(app: &TestApp, id: MessageId) -> Option<MessageRecord> {
    app.app.mail.find(id).await.expect("the database answers")
}

/// Waits until a message is in a state.
async fn until(app: &TestApp, id: MessageId, state: MessageState) -> MessageRecord {
    eventually(async || {
        app.app.mail.wake();
        record(app, id).await.is_some_and(|record| record.state == state)
    })
    .await;
    record(app, id).await.expect("it was there")
}

/// Waits until a message waits for its next attempt after this many.
async fn until_waiting(app: &TestApp, id: MessageId, attempts: i32) -> MessageRecord {
    eventually(async || {
        record(app, id).await.is_some_and(|record| record.attempts >= attempts && record.error.is_some())
    })
    .await;
    record(app, id).await.expect("it was there")
}

/// The messages in a state.
async fn list(app: &TestApp, state: MessageState) -> Vec<MessageRecord> {
    let filter = MessageFilter { state: Some(state), user: None };
    let page = portcullis::database::PageRequest::read_all(
        usize::MAX,
        |record: &MessageRecord| record.id,
        |page| async move { app.app.mail.list(filter, &page).await },
    );
    page.await.expect("the database answers")
}

/// The number of messages in a state.
async fn count(app: &TestApp, state: MessageState) -> usize {
    list(app, state).await.len()
}

/// Everything that the database has about messages, as text.
async fn rows(app: &TestApp) -> Vec<String> {
    let db = app.app.database.reader();
    let sql = "SELECT * FROM outgoing_messages";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
    let text = |row: &sea_orm::QueryResult| {
        let sealed: Option<Vec<u8>> = row.try_get("", "sealed_variables").expect("bytes");
        let error: Option<String> = row.try_get("", "last_error").expect("text");
        format!("{} {}", String::from_utf8_lossy(&sealed.unwrap_or_default()), error.unwrap_or_default())
    };
    rows.iter().map(text).collect()
}

/// The id of a new account.
async fn account(app: &TestApp, username: &str) -> UserId {
    app.signed_in(username).await.user_id.parse().expect("an id")
}
