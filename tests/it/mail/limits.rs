use std::{net::IpAddr, time::Duration};

use portcullis::{config::LimitsConfig, limits::Decision};

use super::account;
use crate::support::TestApp;

/// The time until the next message is allowed. `None` if this one was.
async fn try_message(app: &TestApp, address: &str, client: IpAddr) -> Option<Duration> {
    match app.app.throttle.try_message(address, client, None).await.expect("the database answers") {
        Decision::Allowed(_) => None,
        Decision::Refused { retry_after, .. } => Some(retry_after),
    }
}

async fn throttled() -> TestApp {
    TestApp::with(|config| {
        config.limits = LimitsConfig::default();
        config.limits.message_requests.free_attempts = 8;
    })
    .await
}

fn client(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

#[tokio::test]
async fn an_address_receives_few_messages_however_many_clients_request_them() {
    let app = throttled().await;
    for number in 0..5 {
        assert_eq!(try_message(&app, "ada@example.org", client(number)).await, None);
    }
    let wait = try_message(&app, "ada@example.org", client(99)).await.expect("it is refused");
    assert!((50..=60).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(try_message(&app, "bob@example.org", client(99)).await, None, "others are not affected");
    app.wait(wait);
    assert_eq!(try_message(&app, "ada@example.org", client(98)).await, None, "the block ends by itself");
}

#[tokio::test]
async fn a_client_requests_few_messages_to_however_many_addresses() {
    let app = throttled().await;
    for number in 0..8 {
        assert_eq!(try_message(&app, &format!("user{number}@example.org"), client(1)).await, None);
    }
    assert!(try_message(&app, "ada@example.org", client(1)).await.is_some());
    assert_eq!(
        try_message(&app, "ada@example.org", client(2)).await,
        None,
        "the refused one was not counted"
    );
}

#[tokio::test]
async fn an_account_requests_few_messages_to_however_many_addresses_from_however_many_clients() {
    let app = throttled().await;
    let user = account(&app, "ada").await;
    for number in 0..6 {
        let address = format!("ada{number}@example.org");
        let decision = app.app.throttle.try_message(&address, client(number), Some(user)).await;
        let is_allowed = matches!(decision, Ok(Decision::Allowed(_)));
        assert_eq!(is_allowed, number < 5, "{number}");
    }
}
