//! What somebody who follows events hears: each once, in their order, wherever it was written.

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Socket, TestApp};

const MINE: &str = "subscription { accountEvents { id action } }";

/// The action of an event.
fn action(answer: &Value) -> &str {
    let event = answer["data"].as_object().and_then(|fields| fields.values().next());
    event
        .and_then(|event| event["action"].as_str())
        .unwrap_or_else(|| panic!("an event was expected: {answer}"))
}

async fn log_in(app: &TestApp, username: &str) -> Client {
    let mut client = app.anonymous();
    client.log_in(username, PASSWORD).await.assert_done();
    client
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_to_its_owner() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    socket
        .subscribed("1", "subscription { accountEvents { action user { username } session { id } } }")
        .await;
    let elsewhere = log_in(&app, "ada").await;
    app.signed_in("grace").await;
    let event = socket.next("1").await;
    let told = json!({ "action": "LOGIN_SUCCEEDED", "user": { "username": "ada" },
        "session": { "id": elsewhere.session_id } });
    assert_eq!(event["data"]["accountEvents"], told);
    elsewhere.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_eq!(action(&socket.next("1").await), "LOGOUT");
    socket.assert_silent().await;
}
