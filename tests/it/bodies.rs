//! Request bodies, which the server reads before it knows anything else of the request.

use portcullis::config::HttpConfig;

use crate::support::{Client, TestApp, Wire, eventually};

/// A share of 2048 bytes to an address, of 16384.
fn little_memory(http: &mut HttpConfig) {
    (http.max_body_bytes, http.max_buffered_bytes) = (1024, 16 * 1024);
    // Who only sends is not at work yet.
    http.max_concurrent_requests = 1;
}

/// Sends all but the last 24 bytes of a body of 1024, through a proxy that says for whom, or nothing.
async fn begin(app: &TestApp, forwarded_for: &str) -> Wire {
    let mut wire = Wire::connect(app.address()).await;
    wire.send(format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {forwarded_for}\r\ncontent-length: 1024\r\n\
         content-type: application/json\r\n\r\n{{\"query\":\"{{ __typename }}\"}}{}",
        " ".repeat(1024 - 26 - 24)
    ))
    .await;
    wire
}

/// Asks with more bytes than two of those bodies leave of a share.
async fn status(client: &Client) -> u16 {
    client.ask_in_pieces(&format!("{{ __typename }} #{}", " ".repeat(200))).await.status
}

#[tokio::test]
async fn the_bodies_from_an_address_take_a_share_of_the_memory_until_they_are_read_or_given_up() {
    let app = TestApp::with(|config| little_memory(&mut config.http)).await;
    let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|address| app.anonymous().behind(address));
    let mut first = begin(&app, "192.0.2.1").await;
    let second = begin(&app, "192.0.2.1").await;
    eventually(async || status(&here).await == 429).await;
    let refused = here.ask_in_pieces(&format!("{{ __typename }} #{}", " ".repeat(200))).await;
    refused.assert_not_executed(429, "SERVICE_UNAVAILABLE");
    assert_eq!((refused.error()["retryAfter"].as_u64(), refused.header("retry-after")), (Some(1), "1"));
    let message = refused.body["errors"][0]["message"].to_string();
    assert!(message.contains("http.max_buffered_bytes"), "{message}");
    here.ask("{ __typename }").await.assert_done();
    assert_eq!(status(&there).await, 200, "others are not kept out");

    first.send(" ".repeat(24)).await;
    assert!(first.head().await.expect("an answer").starts_with("HTTP/1.1 200"), "who is in time is answered");
    assert_eq!(status(&here).await, 200, "what was read is free again");
    let _third = begin(&app, "192.0.2.1").await;
    eventually(async || status(&here).await == 429).await;
    drop(second);
    eventually(async || status(&here).await == 200).await;
}

#[tokio::test]
async fn all_bodies_together_take_no_more_than_there_is() {
    let app = TestApp::with(|config| little_memory(&mut config.http)).await;
    let mut begun = Vec::new();
    for number in 0..8 {
        begun.push(begin(&app, &format!("198.51.{number}.1")).await);
        // A proxy that names no client speaks for many, and has no share of its own.
        begun.push(begin(&app, "").await);
    }
    let client = app.anonymous().behind("192.0.2.1");
    let long = format!("{{ __typename }} #{}", " ".repeat(500));
    eventually(async || client.ask_in_pieces(&long).await.status == 503).await;
    client.ask("{ __typename }").await.assert_done();
    begun.clear();
    eventually(async || client.ask_in_pieces(&long).await.status == 200).await;
}

#[tokio::test]
async fn the_bodies_from_a_network_take_a_share_of_the_memory_together() {
    let app = TestApp::with(|config| little_memory(&mut config.http)).await;
    let mut begun = Vec::new();
    for number in 0..4 {
        begun.push(begin(&app, &format!("2001:db8:0:{number:x}00::1")).await);
    }
    let [here, there] = ["2001:db8:0:f00::1", "2001:db8:1::1"].map(|address| app.anonymous().behind(address));
    eventually(async || status(&here).await == 429).await;
    assert_eq!(status(&there).await, 200, "another /48 has a share of its own");
}
