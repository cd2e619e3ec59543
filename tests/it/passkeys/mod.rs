//! Passkeys: they sign in without a name and a password, and nothing but the authenticator of the user makes a response
//! that is accepted.

mod attacks;
mod authenticator;
mod login;
mod management;
mod registration;
mod sign_up;

use serde_json::{Value, json};

pub(crate) use self::authenticator::Authenticator;
use crate::support::{AUTH, Answer, Client, TestApp};

const STARTED: &str = "challenge options errors { code message }";
const PASSKEY: &str = "passkey { id name authenticator backupEligible backedUp createdAt lastUsedAt } \
    recoveryCodes errors { code message field }";

/// Starts the creation of a passkey: the challenge and the options.
pub(crate) async fn start(client: &Client) -> (Value, Value) {
    let answer = client.ask(&format!("mutation {{ it: startPasskey {{ {STARTED} }} }}")).await;
    answer.assert_done();
    (answer.at("/it/challenge").clone(), answer.at("/it/options").clone())
}

pub(crate) async fn send(client: &Client, challenge: &Value, credential: &Value) -> Answer {
    client.mutate("addPasskey", json!({ "challenge": challenge, "credential": credential }), PASSKEY).await
}

/// Adds the passkey of an authenticator to an account.
pub(crate) async fn add(client: &Client, authenticator: &mut Authenticator) -> Answer {
    let (challenge, options) = start(client).await;
    send(client, &challenge, &authenticator.create(&options)).await
}

/// A new account with a passkey.
pub(crate) async fn with_passkey(app: &TestApp, username: &str) -> (Client, Authenticator) {
    let (client, mut authenticator) = (app.signed_in(username).await, Authenticator::es256());
    add(&client, &mut authenticator).await.assert_done();
    (client, authenticator)
}

/// Starts a sign-in: the challenge and the options.
async fn start_login(client: &Client) -> (Value, Value) {
    let answer = client.ask(&format!("mutation {{ it: startPasskeyLogin {{ {STARTED} }} }}")).await;
    answer.assert_done();
    (answer.at("/it/challenge").clone(), answer.at("/it/options").clone())
}

/// Sends the response of an authenticator, and keeps the tokens.
async fn finish_login(client: &mut Client, challenge: &Value, credential: &Value) -> Answer {
    let input = json!({ "challenge": challenge, "credential": credential });
    let answer = client.mutate("loginWithPasskey", input, AUTH).await;
    client.keep(answer)
}

/// Signs in with a passkey.
pub(crate) async fn log_in(app: &TestApp, authenticator: &mut Authenticator) -> (Client, Answer) {
    let mut client = app.anonymous();
    let (challenge, options) = start_login(&client).await;
    let answer = finish_login(&mut client, &challenge, &authenticator.get(&options)).await;
    (client, answer)
}

/// The names of the passkeys of an account, the newest first.
async fn names(client: &Client) -> Vec<String> {
    let answer = client.ask("{ me { passkeys { totalCount nodes { name } } } }").await;
    let nodes = answer.assert_done().at("/me/passkeys/nodes").as_array().expect("a list").clone();
    assert_eq!(answer.at("/me/passkeys/totalCount"), nodes.len());
    nodes.iter().map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
}
