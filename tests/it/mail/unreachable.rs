use portcullis::{app::App, clock::Clock, config::Config};
use sea_orm::{ConnectionTrait, Statement};

use super::{MailServer, reset};
use crate::support::{Client, LOAD, PASSWORD, Process, QUICK, TERSE, eventually};

const MESSAGES: usize = 10_000;

/// The number of messages that one transaction writes.
const BATCH: usize = 500;

/// The maximum growth of the resident memory, KiB. The messages alone would need more, if the server held them.
const MAX_GROWTH: u32 = 16 * 1024;

/// Signs in and sends requests of all kinds.
async fn work(client: &mut Client) {
    for _ in 0..40 {
        client.log_in("user0", PASSWORD).await.assert_done();
        client.refresh().await.assert_done();
        for _ in 0..10 {
            client.me().await.assert_done();
        }
    }
}

/// The number of messages that wait and have failed before.
async fn failed_attempts(app: &App) -> i64 {
    let db = app.database.reader();
    let sql = "SELECT COUNT(*) AS number FROM outgoing_messages \
        WHERE last_error IS NOT NULL AND next_attempt_at IS NOT NULL";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.expect("the database answers").expect("a row").try_get("", "number").expect("a number")
}

#[tokio::test]
async fn memory_stays_flat_with_many_messages_for_an_unreachable_mail_server() {
    let _alone = LOAD.lock().await;
    let port = MailServer::nowhere().await.port().to_string();
    let settings = [
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP__HOST", "127.0.0.1"),
        ("PORTCULLIS_MAIL__SMTP__PORT", Box::leak(port.into_boxed_str())),
        ("PORTCULLIS_MAIL__SMTP__ENCRYPTION", "none"),
        TERSE,
    ];
    let process = Process::start(&[&QUICK[..], &settings].concat()).await;
    let mut client = process.register(1).await.pop().expect("a client");
    work(&mut client).await;
    let before = process.resident_kib();

    let mut config = Config::default();
    config.data_dir = process.database().folder().join("data");
    config.database.url = Some(process.database().url());
    let app = Box::pin(App::open(config, Clock::system())).await.expect("the same database");
    for batch in 0..MESSAGES / BATCH {
        let transaction = app.database.begin().await.expect("the database is available");
        for number in 0..BATCH {
            let recipient = format!("user{batch}-{number}@example.org");
            app.mail.enqueue(&transaction, &reset(&recipient)).await.expect("the row is written");
        }
        transaction.commit().await.expect("the messages are caused");
        client.me().await.assert_done();
    }
    // More than the first messages, which are tried at once.
    eventually(async || failed_attempts(&app).await > 8).await;
    work(&mut client).await;
    let growth = process.resident_kib().saturating_sub(before);
    assert!(growth < MAX_GROWTH, "memory has grown by {growth} KiB");
    app.close().await;
}
