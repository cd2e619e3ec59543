use std::{collections::BTreeMap, time::Duration};

use portcullis::{app::App, clock::Clock, config::Config};
use tokio::time::{Instant, sleep};

use super::{MailServer, Reply, TOKEN, reset};
use crate::support::{Process, QUICK, Rng, TERSE, variable};

/// The number of messages between two kills.
const MESSAGES: usize = 20;

/// The time in which all messages must arrive after the last kill. A lease lasts for eleven seconds.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn after_kills_at_random_moments_each_message_has_arrived_once_or_twice() {
    let kills = variable("PORTCULLIS_TEST_KILLS").map_or(8, |count| count.parse().expect("a number"));
    let server = MailServer::start(Reply::Accept).await;
    let port: &'static str = Box::leak(server.address.port().to_string().into_boxed_str());
    let settings = [
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SEND_TIMEOUT", "1s"),
        ("PORTCULLIS_MAIL__SMTP__HOST", "127.0.0.1"),
        ("PORTCULLIS_MAIL__SMTP__PORT", port),
        ("PORTCULLIS_MAIL__SMTP__ENCRYPTION", "none"),
        TERSE,
    ];
    let mut process = Process::start(&[&QUICK[..], &settings].concat()).await;
    let mut config = Config::default();
    config.data_dir = process.database().folder().join("data");
    config.database.url = Some(process.database().url());
    let app = Box::pin(App::open(config, Clock::system())).await.expect("the same database");
    let (mut rng, mut expected) = (Rng::new(4711), 0);
    for _ in 0..kills {
        let transaction = app.database.begin().await.expect("the database is available");
        for _ in 0..MESSAGES {
            let recipient = format!("user{expected}@example.org");
            app.mail.enqueue(&transaction, &reset(&recipient)).await.expect("the row is written");
            expected += 1;
        }
        transaction.commit().await.expect("the messages are caused");
        sleep(Duration::from_millis(rng.below(40) as u64)).await;
        process.kill_and_restart().await;
        // A server that has just started sends at once.
        sleep(Duration::from_millis(rng.below(40) as u64)).await;
    }
    let deadline = Instant::now() + PATIENCE;
    let copies = loop {
        let mut copies = BTreeMap::new();
        for (recipient, _) in server.accepted() {
            *copies.entry(recipient).or_insert(0) += 1;
        }
        if copies.len() == expected {
            break copies;
        }
        assert!(Instant::now() < deadline, "{} of {expected} messages have arrived", copies.len());
        sleep(Duration::from_millis(20)).await;
    };
    assert!(copies.values().all(|count| (1..=2).contains(count)), "{copies:?}");
    assert!(!process.log().contains(TOKEN));
    app.close().await;
}
