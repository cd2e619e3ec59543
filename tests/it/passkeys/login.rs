use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Authenticator, add, authenticator::BACKED_UP, authenticator::BACKUP_ELIGIBLE, finish_login, log_in,
    start, start_login, with_passkey,
};
use crate::support::{Client, TestApp, decode, keys, spawn_all};

#[tokio::test]
async fn a_passkey_signs_in_without_a_name_and_a_password() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    let (mut client, answer) = log_in(&app, &mut authenticator).await;
    assert_eq!(answer.assert_done().at("/it/user/username"), "ada");
    assert_ne!(client.session_id, ada.session_id);
    client.refresh().await.assert_done();
    let session = client.ask("{ session { methods } }").await;
    assert_eq!(session.at("/session/methods"), &json!(["PASSKEY"]));
    let claims = decode(client.token.as_deref().expect("a token")).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pop", "user", "mfa"])));
    let passkeys = client.ask("{ me { passkeys { nodes { lastUsedAt } } } }").await;
    assert!(passkeys.at("/me/passkeys/nodes/0/lastUsedAt").is_string(), "{}", passkeys.body);
}

#[tokio::test]
async fn the_options_of_a_sign_in_ask_for_any_passkey_of_the_site() {
    let app = TestApp::start().await;
    with_passkey(&app, "ada").await;
    let (challenge, options) = start_login(&app.anonymous()).await;
    assert_eq!(keys(&options), ["allowCredentials", "challenge", "rpId", "timeout", "userVerification"]);
    assert_eq!(options["rpId"], "id.example.com");
    assert_eq!(options["allowCredentials"], json!([]));
    assert_eq!(options["userVerification"], "required");
    assert_ne!(options["challenge"], challenge, "a response alone does not sign in");
}

#[tokio::test]
async fn each_algorithm_signs_in() {
    let app = TestApp::start().await;
    for (name, mut authenticator) in [
        ("es256", Authenticator::es256()),
        ("eddsa", Authenticator::eddsa()),
        ("rs256", Authenticator::rs256()),
    ] {
        add(&app.signed_in(name).await, &mut authenticator).await.assert_done();
        for _ in 0..2 {
            let (_, answer) = log_in(&app, &mut authenticator).await;
            assert_eq!(answer.assert_done().at("/it/user/username"), name);
        }
    }
}

#[tokio::test]
async fn each_of_two_passkeys_signs_in() {
    let app = TestApp::start().await;
    let (ada, mut first) = with_passkey(&app, "ada").await;
    let mut second = Authenticator::eddsa();
    add(&ada, &mut second).await.assert_done();
    for authenticator in [&mut first, &mut second] {
        let (client, answer) = log_in(&app, authenticator).await;
        answer.assert_done();
        assert_eq!(client.user_id, ada.user_id);
    }
}

#[tokio::test]
async fn a_challenge_signs_in_once() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let mut client = app.anonymous();
    let (challenge, options) = start_login(&client).await;
    let response = authenticator.get(&options);
    finish_login(&mut client, &challenge, &response).await.assert_done();
    let replayed = finish_login(&mut app.anonymous(), &challenge, &response).await;
    replayed.assert_refused("INVALID_CHALLENGE");
    let again = authenticator.get(&options);
    finish_login(&mut app.anonymous(), &challenge, &again).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_challenge_signs_in_once_on_two_servers_at_once() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let replica = app.replica().await;
    let (challenge, options) = start_login(&app.anonymous()).await;
    let response = authenticator.get(&options);
    let log_in = |mut client: Client| {
        let (challenge, response) = (challenge.clone(), response.clone());
        async move { finish_login(&mut client, &challenge, &response).await }
    };
    let clients = [&app, &replica, &app, &replica].map(TestApp::anonymous);
    let answers = spawn_all(clients.map(log_in)).await;
    let done = answers.iter().filter(|answer| answer.codes().is_empty()).count();
    assert_eq!(done, 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| answer.codes() == ["INVALID_CHALLENGE"]).count();
    assert_eq!(refused, 3, "{answers:?}");
    replica.stop().await;
}

#[tokio::test]
async fn a_challenge_expires_after_ten_minutes() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let mut client = app.anonymous();
    for (seconds, code) in [(599, None), (600, Some("INVALID_CHALLENGE"))] {
        let (challenge, options) = start_login(&client).await;
        app.wait(Duration::from_secs(seconds));
        let answer = finish_login(&mut client, &challenge, &authenticator.get(&options)).await;
        assert_eq!(answer.codes(), code.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn only_a_challenge_of_a_sign_in_signs_in() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    let (challenge, options) = start(&ada).await;
    let answer = finish_login(&mut app.anonymous(), &challenge, &authenticator.get(&options)).await;
    answer.assert_refused("INVALID_CHALLENGE");
    for made_up in ["", "a", &"A".repeat(75), &"A".repeat(10_000)] {
        let (_, options) = start_login(&app.anonymous()).await;
        let answer = finish_login(&mut app.anonymous(), &json!(made_up), &authenticator.get(&options)).await;
        answer.assert_refused("INVALID_CHALLENGE");
    }
    // The challenge of the options is not the token.
    let (_, options) = start_login(&app.anonymous()).await;
    let answer =
        finish_login(&mut app.anonymous(), &options["challenge"], &authenticator.get(&options)).await;
    answer.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_counter_must_increase_and_a_copy_is_recorded() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let mut authenticator = Authenticator::es256();
    authenticator.sign_count = 5;
    add(&ada, &mut authenticator).await.assert_done();
    log_in(&app, &mut authenticator).await.1.assert_done();
    assert_eq!(authenticator.sign_count, 6);
    for copied in [0, 3, 5] {
        authenticator.sign_count = copied;
        log_in(&app, &mut authenticator).await.1.assert_refused("PASSKEY_REJECTED");
    }
    authenticator.sign_count = 6;
    log_in(&app, &mut authenticator).await.1.assert_done();
    let query = "query($actions: [AuditAction!]) { auditEvents(first: 9, filter: { actions: $actions }) \
        { nodes { user { username } } } }";
    let events = root.ask_with(query, json!({ "actions": ["PASSKEY_CLONED"] })).await;
    let expected = vec![json!({ "user": { "username": "ada" } }); 3];
    assert_eq!(events.assert_done().at("/auditEvents/nodes"), &Value::from(expected));
}

#[tokio::test]
async fn the_counter_of_a_synchronized_passkey_may_go_back() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = (app.signed_in("ada").await, Authenticator::es256());
    authenticator.flags |= BACKUP_ELIGIBLE;
    authenticator.sign_count = 9;
    add(&ada, &mut authenticator).await.assert_done();
    authenticator.sign_count = 2;
    authenticator.flags |= BACKED_UP;
    log_in(&app, &mut authenticator).await.1.assert_done();
    let passkeys = ada.ask("{ me { passkeys { nodes { backupEligible backedUp } } } }").await;
    let expected = json!([{ "backupEligible": true, "backedUp": true }]);
    assert_eq!(passkeys.at("/me/passkeys/nodes"), &expected);
}
