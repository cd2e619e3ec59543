//! GraphQL over WebSocket (graphql-transport-ws): the handshake, the messages and the close codes.

mod ends;
mod limits;

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{AUTH, OWN_EVENTS, PASSWORD, Socket, SocketEvent, TestApp};

/// A socket of which nobody knows yet whose it is.
async fn open(app: &TestApp) -> Socket {
    Socket::try_open(app.address(), &[]).await.expect("a socket")
}

/// How a socket with this payload is received.
async fn greeted(app: &TestApp, headers: &[(&'static str, &str)], payload: Option<Value>) -> SocketEvent {
    let mut socket = Socket::try_open(app.address(), headers).await.expect("a socket");
    socket.init(payload).await;
    socket.recv().await
}

fn is_ack(heard: &SocketEvent) -> bool {
    matches!(heard, SocketEvent::Message(message) if *message == json!({ "type": "connection_ack" }))
}

#[tokio::test]
async fn a_socket_speaks_one_protocol_and_nothing_else_opens_one() {
    let app = TestApp::start().await;
    let right = [
        ("connection", "upgrade, close"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "graphql-transport-ws"),
    ];
    for (wrong, value) in [
        ("sec-websocket-protocol", ""),
        ("sec-websocket-protocol", "graphql-ws"),
        ("sec-websocket-version", "12"),
        ("sec-websocket-key", ""),
        ("connection", "close"),
    ] {
        let headers = right.map(|(name, right)| (name, if name == wrong { value } else { right }));
        let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
        let headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n{}\r\n",
            headers.concat()
        );
        app.raw(request.as_bytes()).await.assert_not_executed(400, "BAD_USER_INPUT");
    }
    let several = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
    assert!(is_ack(&greeted(&app, &several, None).await));
}

#[tokio::test]
async fn a_page_of_another_origin_opens_no_socket() {
    let listed = "https://app.example.com";
    let app = TestApp::with(|config| config.http.cors_origins = vec![listed.to_owned()]).await;
    for headers in [
        vec![("origin", "https://evil.example.com")],
        vec![("origin", "null")],
        vec![("origin", "https://id.example.com.evil.example")],
        vec![("origin", "https://evil.example.com"), ("sec-fetch-site", "same-site")],
    ] {
        let refused = Socket::try_open(app.address(), &headers).await.err().expect("it is refused");
        refused.assert_not_executed(403, "FORBIDDEN");
    }
    for origin in [listed, "https://id.example.com", &app.url("")] {
        assert!(is_ack(&greeted(&app, &[("origin", origin)], None).await), "{origin}");
    }
}

#[tokio::test]
async fn the_token_comes_in_the_payload_or_in_the_header() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let bearer = ada.authorization();
    let lower = bearer.replace("Bearer", "bearer");
    for (header, payload) in [
        ("", json!({ "authorization": bearer })),
        ("", json!({ "Authorization": lower })),
        (bearer.as_str(), json!({})),
        (bearer.as_str(), json!({ "authorization": null })),
        // What a page says itself counts more than what a proxy has added.
        ("Bearer nonsense", json!({ "authorization": bearer })),
    ] {
        let mut socket =
            Socket::try_open(app.address(), &[("authorization", header)]).await.expect("a socket");
        socket.init(Some(payload)).await;
        assert_eq!(socket.message().await["type"], "connection_ack");
        socket.subscribe("1", "{ me { username } }").await;
        assert_eq!(socket.next("1").await, json!({ "data": { "me": { "username": "ada" } } }));
        assert_eq!(socket.message().await, json!({ "type": "complete", "id": "1" }));
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let (ada, old) = (app.signed_in("ada").await, app.signed_in("old").await);
    ada.ask("mutation { logout { errors { code } } }").await.assert_done();
    let refused = |heard: SocketEvent, reason: &str| match heard {
        SocketEvent::Closed(code, why) => assert_eq!((code, why.as_str()), (4403, reason)),
        other => panic!("{reason}: {other:?}"),
    };
    for (authorization, reason) in [
        (json!(ada.authorization()), "TOKEN_REVOKED"),
        (json!("Bearer a.b.c"), "TOKEN_INVALID"),
        (json!("Bearer x"), "TOKEN_MALFORMED"),
        (json!("Basic YTpi"), "TOKEN_MALFORMED"),
        (json!(["Bearer x"]), "TOKEN_MALFORMED"),
    ] {
        let heard = greeted(&app, &[], Some(json!({ "authorization": authorization }))).await;
        refused(heard, reason);
    }
    refused(greeted(&app, &[("authorization", "Bearer a.b.c")], None).await, "TOKEN_INVALID");
    app.wait(Duration::from_hours(1));
    refused(greeted(&app, &[], Some(old.payload())).await, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn who_says_nothing_is_anonymous_and_guarded_fields_stay_shut() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    let mut socket = Socket::open(&app.anonymous()).await;
    for (number, query) in
        ["{ me { id } }", OWN_EVENTS, "subscription { auditEvents { id } }"].iter().enumerate()
    {
        let id = number.to_string();
        socket.subscribe(&id, query).await;
        let answer = socket.next(&id).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["reason"]),
            (&json!("UNAUTHENTICATED"), &json!("TOKEN_MISSING"))
        );
        assert!(extensions["requestId"].is_string(), "{answer}");
        assert_eq!(socket.message().await, json!({ "type": "complete", "id": id }));
    }
    let mut ada = Socket::open(&app.signed_in("grace").await).await;
    ada.subscribe("1", "subscription { auditEvents { id } }").await;
    assert_eq!(ada.next("1").await["errors"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn a_cookie_does_not_count_in_a_socket_and_none_is_set_by_one() {
    let app = TestApp::start().await;
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    let answer = app.anonymous().mutate("register", input.clone(), AUTH).await;
    let (name, token, _) = answer.assert_done().cookie().expect("a cookie");
    let cookie = format!("{name}={token}");
    let mut socket = Socket::try_open(app.address(), &[("cookie", &cookie)]).await.expect("a socket");
    socket.init(None).await;
    socket.message().await;
    socket.subscribe("1", "mutation { refresh { accessToken errors { code } } }").await;
    let answer = socket.next("1").await;
    assert_eq!(answer["data"]["refresh"]["accessToken"], Value::Null, "{answer}");
    socket.message().await;
    let login = format!(
        "mutation {{ login(input: {{ username: \"ada\", password: \"{PASSWORD}\", delivery: COOKIE }}) {{ expiresIn }} }}"
    );
    socket.subscribe("2", &login).await;
    assert_eq!(socket.next("2").await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn queries_and_mutations_have_the_limits_of_any_request() {
    let app = TestApp::with(|config| config.graphql.max_depth = 4).await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let logins =
        "mutation($i: LoginInput!) { a: login(input: $i) { expiresIn } b: login(input: $i) { expiresIn } }";
    let input = json!({ "i": { "username": "ada", "password": PASSWORD } });
    for (payload, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nope }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query A { __typename }", "operationName": "B" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query($a: Int!) { __typename }" }), "BAD_USER_INPUT"),
        (json!({ "query": "" }), "BAD_USER_INPUT"),
        (json!({ "query": "{ a { b { c { d { e } } } } }" }), "OPERATION_LIMIT_EXCEEDED"),
        (json!({ "query": logins, "variables": input }), "OPERATION_LIMIT_EXCEEDED"),
        (json!({ "query": format!("{{ {} }}", "a ".repeat(21)) }), "OPERATION_LIMIT_EXCEEDED"),
    ] {
        socket.say(&json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let errors = socket.error("1").await;
        assert_eq!(errors[0]["extensions"]["code"], code, "{payload}: {errors}");
        assert!(errors[0]["extensions"]["requestId"].is_string(), "{errors}");
    }
    let register = json!({ "query": "mutation($i: RegisterInput!) { it: register(input: $i) { user { username } } }",
        "variables": input });
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": register })).await;
    assert_eq!(socket.next("1").await["data"]["it"]["user"]["username"], "ada");
}

#[tokio::test]
async fn what_is_not_of_the_protocol_ends_the_socket_with_its_code() {
    let app = TestApp::start().await;
    let init = json!({ "type": "connection_init" }).to_string();
    let subscribe = |id: &str, query: &str| {
        json!({ "type": "subscribe", "id": id, "payload": { "query": query } }).to_string()
    };
    let endless = subscribe("1", "subscription { accountEvents { id } }");
    let ada = app.signed_in("ada").await;
    let hello = json!({ "type": "connection_init", "payload": ada.payload() });
    for (messages, code) in [
        (vec![subscribe("1", "{ __typename }")], 4401),
        (vec![init.clone(), init.clone()], 4429),
        (vec![hello.to_string(), endless.clone(), endless], 4409),
        (vec!["{".into()], 4400),
        (vec!["[]".into()], 4400),
        (vec![r#"{"type":"start"}"#.into()], 4400),
        (vec![r#"{"type":"connection_init","payload":1}"#.into()], 4400),
        (vec![r#"{"type":"connection_ack"}"#.into()], 4400),
        (vec![init.clone(), r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#.into()], 4400),
        (vec![init.clone(), r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#.into()], 4400),
        (vec![init.clone(), r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#.into()], 4400),
        (vec![init.clone(), subscribe("", "{ __typename }")], 4400),
        (vec![init.clone(), subscribe(&"x".repeat(65), "{ __typename }")], 4400),
        (vec![init.clone(), r#"{"type":"complete"}"#.into()], 4400),
    ] {
        let mut socket = open(&app).await;
        for message in &messages {
            socket.send(Message::text(message.clone())).await;
        }
        let heard = loop {
            match socket.recv().await {
                SocketEvent::Message(_) => {}
                heard => break heard,
            }
        };
        assert!(matches!(heard, SocketEvent::Closed(closed, _) if closed == code), "{messages:?}: {heard:?}");
    }
    let mut socket = open(&app).await;
    socket.send(Message::binary(init.into_bytes())).await;
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test]
async fn a_client_that_asks_whether_we_are_there_is_told() {
    let app = TestApp::start().await;
    let mut socket = open(&app).await;
    socket.say(&json!({ "type": "ping", "payload": { "any": "thing" } })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong" }));
    socket.say(&json!({ "type": "pong" })).await;
    socket.init(None).await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    socket.say(&json!({ "type": "complete", "id": "never begun" })).await;
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.next("1").await, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn an_operation_that_was_completed_says_nothing_more_and_its_id_is_free() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    socket.subscribe("1", &app.mine(&ada).await).await;
    app.anonymous().fail_to_log_in("ada").await;
    socket.next("1").await;
    socket.say(&json!({ "type": "complete", "id": "1" })).await;
    // Who hears this has been understood.
    socket.say(&json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await["type"], "pong");
    app.anonymous().fail_to_log_in("ada").await;
    socket.assert_silent().await;
    socket.subscribe("1", &app.mine(&ada).await).await;
    app.anonymous().fail_to_log_in("ada").await;
    socket.next("1").await;
    socket.assert_silent().await;
}
