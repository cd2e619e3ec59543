//! What an account does by e-mail: each link and each code counts once, for one purpose, and reveals nothing.

mod address_names;
mod audit;
mod change;
mod codes;
mod hijack;
mod invitation;
mod login;
mod never_verified;
mod notices;
mod refusals;
mod reset;
mod verify;
mod verify_first;

use serde_json::{Value, json};

use crate::support::{AUTH, Answer, Client, PASSWORD, TestApp};

const ADDRESS: &str = "ada@example.com";

/// The fields that a request for a message selects.
const CHALLENGE: &str = "challenge expiresAt resendAfter errors { code field message }";

/// The fields that a mutation of an address selects.
const VERIFIED: &str = "user { id username } errors { code field message }";

/// A new account with an address, signed in.
pub(crate) async fn with_address(app: &TestApp, username: &str, address: &str) -> Client {
    let mut client = app.anonymous();
    let input = json!({ "username": username, "password": PASSWORD, "email": address });
    let answer = client.mutate("register", input, AUTH).await;
    client.keep(answer).assert_done();
    client
}

/// A new account with a verified address, signed in.
pub(crate) async fn with_verified_address(app: &TestApp, username: &str, address: &str) -> Client {
    let client = with_address(app, username, address).await;
    verify(app, &app.newest_message(address).await.token).await.assert_done();
    client
}

/// Verifies an address by a link, on a device that is not signed in.
async fn verify(app: &TestApp, token: &str) -> Answer {
    app.anonymous().mutate("verifyEmail", json!({ "proof": { "token": token } }), VERIFIED).await
}

/// Requests a message, and returns the challenge.
pub(crate) async fn request(client: &Client, mutation: &str, address: &str) -> String {
    let answer = client.mutate(mutation, json!({ "email": address }), CHALLENGE).await;
    answer.assert_done().at("/it/challenge").as_str().expect("a challenge").to_owned()
}

fn by_token(token: &str) -> Value {
    json!({ "token": token })
}

pub(crate) fn by_code(challenge: &str, code: &str) -> Value {
    json!({ "code": { "challenge": challenge, "code": code } })
}

/// Asserts that a mutation failed with one error of this code.
fn assert_failed(answer: &Answer, code: &str) {
    assert_eq!(answer.at("/it/errors/0/code"), code, "{answer:?}");
}
