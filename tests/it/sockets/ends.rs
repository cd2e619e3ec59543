//! A WebSocket connection closes when its token expires or is revoked.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use crate::support::{OTHER_PASSWORD, OWN_EVENTS, PASSWORD, Process, QUICK, Socket, TestApp, postgres};

#[tokio::test]
async fn a_socket_ends_when_its_token_expires_and_says_so() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    let mut anonymous = Socket::open(&app.anonymous()).await;
    socket.subscribe("1", OWN_EVENTS).await;
    app.wait(Duration::from_hours(1));
    assert_eq!(socket.closed().await, (4401, "TOKEN_EXPIRED".to_owned()));
    // With a fresh one it goes on.
    ada.refresh().await.assert_done();
    Socket::open(&ada).await.assert_silent().await;
    anonymous.assert_silent().await;
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let goodbye = CloseFrame { code: 1000.into(), reason: "Normal Closure".into() };
    socket.send(Message::Close(Some(goodbye))).await;
    assert_eq!(socket.closed().await, (1000, "Normal Closure".to_owned()));
}

#[tokio::test]
async fn a_socket_ends_on_every_server_when_its_session_does() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let root = app.admin().await;
    let most = Duration::from_millis(if postgres().is_some() { 1000 } else { 2500 });
    for server in [&app, &other] {
        for way in ["logout", "revoke", "disable", "delete"] {
            let name = format!("ada-{way}-{}", server.address().port());
            let ada = app.signed_in(&name).await;
            let mut socket = Socket::open(&ada.clone().at(server.url("/graphql"))).await;
            socket.subscribe("1", &server.mine(&ada).await).await;
            let began = Instant::now();
            let (user, done) = (&ada.user_id, "errors { code }");
            match way {
                "logout" => ada.ask("mutation { it: logout { errors { code } } }").await,
                "revoke" => root.mutate("revokeUserSessions", json!({ "userId": user }), done).await,
                "disable" => root.mutate("updateUser", json!({ "id": user, "disabled": true }), done).await,
                _ => root.mutate("deleteUser", json!({ "id": user }), done).await,
            }
            .assert_done();
            // The event that ends it is for those who stay.
            assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()), "{way}");
            assert!(began.elapsed() < most, "{way}: it took {:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn what_ends_the_session_is_answered_before_the_socket_ends() {
    let app = TestApp::start().await;
    let change = format!(
        "mutation {{ changePassword(input: {{ currentPassword: \"{PASSWORD}\", newPassword: \"{OTHER_PASSWORD}\" }}) \
         {{ accessToken }} }}"
    );
    for (number, mutation) in ["mutation { logout { errors { code } } }", &change].iter().enumerate() {
        let name = format!("ada{number}");
        let ada = app.signed_in(&name).await;
        let mut socket = Socket::open(&ada).await;
        socket.subscribe("events", &app.mine(&ada).await).await;
        app.anonymous().fail_to_log_in(&name).await;
        socket.next("events").await;
        socket.subscribe("1", mutation).await;
        let answer = socket.next("1").await;
        assert!(answer.get("errors").is_none() && answer["data"].is_object(), "{answer}");
        assert_eq!(socket.message().await, json!({ "type": "complete", "id": "1" }));
        assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()));
    }
}

#[tokio::test]
async fn a_withdrawn_key_ends_the_sockets_of_its_tokens() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    let kid = app.anonymous().get("/.well-known/jwks.json").await.body["keys"][0]["kid"].clone();
    let actor = portcullis::audit::Actor::Server;
    app.app.admin.revoke_key(kid.as_str().expect("a kid"), actor).await.expect("it is revoked");
    assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()));
}

#[tokio::test]
async fn what_is_done_on_the_command_line_reaches_a_socket() {
    let process = Process::start(&QUICK).await;
    let mut ada = process.anonymous();
    ada.register("ada", PASSWORD).await.assert_done();
    let mut elsewhere = process.anonymous();
    elsewhere.log_in("ada", PASSWORD).await.assert_done();
    let mut socket = Socket::open(&ada).await;
    socket.subscribe("1", "subscription { accountEvents { action actor { id } session { id } } }").await;
    let mut told = socket.provoke(async || process.anonymous().fail_to_log_in("ada").await).await;
    process.run(&["sessions", "revoke", &elsewhere.session_id]);
    while told["payload"]["data"]["accountEvents"]["action"] == "LOGIN_FAILED" {
        told = socket.message().await;
    }
    let revoked = json!({ "action": "SESSION_REVOKED", "actor": null, "session": null });
    assert_eq!(told["payload"]["data"]["accountEvents"], revoked, "{told}");
    process.run(&["users", "disable", "ada"]);
    assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()));
}
