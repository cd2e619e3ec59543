//! The forms in which clients send one request. Each means the same by POST, by GET, in a batch, over a WebSocket and
//! in an event stream.

use serde_json::{Value, json};

use crate::support::{Answer, Socket, SocketEvent, TestApp};

const QUERY: &str = "query A($name: String) { __typename @skip(if: false) me @skip(if: true) { id } \
    user(username: $name) @skip(if: true) { id } }";

/// The members of a request, and each of them by a GET.
fn in_url(request: &Value) -> String {
    let members = request.as_object().expect("an object").iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("{name}={}", bytes.concat())
    });
    format!("/graphql?{}", members.collect::<Vec<_>>().join("&"))
}

/// Sends a request in each way there is; gives what comes back.
async fn everywhere(app: &TestApp, request: &Value) -> Vec<Value> {
    let client = app.anonymous();
    let post = client.send(request).await.body;
    let get = app.request("GET", &in_url(request), &[]).await.body;
    let batch = client.send(&json!([request])).await.body[0].clone();
    let stream = client.clone().header("accept", "text/event-stream").send(request).await.body;
    let stream = stream.as_str().unwrap_or_default().lines().find_map(|line| line.strip_prefix("data: "));
    let stream = serde_json::from_str(stream.unwrap_or_default()).unwrap_or_default();
    let mut socket = Socket::open(&client).await;
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": request })).await;
    let socket = socket.message().await["payload"].clone();
    vec![post, get, batch, stream, socket]
}

#[tokio::test]
async fn an_option_that_is_null_or_empty_is_treated_as_absent_everywhere() {
    let app = TestApp::with(|config| config.graphql.max_batch = 2).await;
    let right = json!({ "data": { "__typename": "Query" } });
    for options in [
        json!({}),
        json!({ "operationName": "" }),
        json!({ "operationName": "A", "variables": "", "extensions": "" }),
        json!({ "variables": {}, "extensions": {} }),
        json!({ "variables": null, "extensions": null }),
        json!({ "documentId": "" }),
        json!({ "doc_id": "", "operationName": "", "variables": "", "extensions": "" }),
    ] {
        let mut request = options.clone();
        request["query"] = json!(QUERY);
        for answer in everywhere(&app, &request).await {
            assert_eq!(answer, right, "{options}");
        }
    }
    let two = json!({ "query": "query A { __typename } query B { __typename }", "operationName": "" });
    for answer in everywhere(&app, &two).await {
        let text = answer.to_string();
        assert!(text.contains("Set operationName to one of them"), "{text}");
    }
}

#[tokio::test]
async fn null_stands_for_absent_where_json_has_it() {
    let app = TestApp::start().await;
    let query = "{ __typename }";
    let nulls = json!({ "query": query, "operationName": null, "variables": null, "extensions": null,
        "documentId": null });
    assert_eq!(app.anonymous().send(&nulls).await.assert_done().at("/__typename"), "Query");
    app.anonymous().send(&json!({ "query": null })).await.assert_not_executed(400, "BAD_USER_INPUT");
    for wrong in [json!([]), json!("{}"), json!(1), json!(false)] {
        for name in ["variables", "extensions"] {
            let mut request = json!({ "query": query });
            request[name] = wrong.clone();
            app.anonymous().send(&request).await.assert_not_executed(400, "BAD_USER_INPUT");
        }
    }
}

async fn post(app: &TestApp, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(app.anonymous().post(), |request, (n, value)| request.header(*n, *value));
    Answer::read(request.body(body.to_vec()).send().await.expect("an answer")).await
}

#[tokio::test]
async fn utf8_is_declared_in_many_ways() {
    let app = TestApp::start().await;
    for charset in ["utf8", "UTF8", "\"utf8\"", "'utf-8'", " utf-8", "utf-8;", "Utf-8; x=y"] {
        let content_type = format!("application/json; Charset={charset}");
        let answer = post(&app, br#"{"query":"{__typename}"}"#, &[("content-type", &content_type)]).await;
        assert_eq!(answer.at("/__typename"), "Query", "{content_type}: {answer:?}");
    }
    for charset in ["utf-16", "\"utf-16\"", "latin1", "utf-8x", ""] {
        let content_type = format!("application/json; charset ={charset}");
        let answer = post(&app, br#"{"query":"{__typename}"}"#, &[("content-type", &content_type)]).await;
        answer.assert_not_executed(415, "BAD_USER_INPUT");
        assert_eq!((answer.header("accept"), answer.header("accept-encoding")), ("application/json", ""));
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_json_does_not_matter() {
    let app = TestApp::with(|config| config.graphql.max_batch = 2).await;
    let json = &[("content-type", "application/json")];
    for (body, path) in [
        ("\u{feff}{\"query\":\"{__typename}\"}", "/data/__typename"),
        ("\u{feff} [{\"query\":\"\u{feff}{__typename}\"}]", "/0/data/__typename"),
    ] {
        let answer = post(&app, body.as_bytes(), json).await;
        assert_eq!(answer.body.pointer(path), Some(&json!("Query")), "{answer:?}");
    }
    let twice = post(&app, "\u{feff}\u{feff}{\"query\":\"{__typename}\"}".as_bytes(), json).await;
    twice.assert_not_executed(400, "BAD_USER_INPUT");
    let path = "/graphql?query=%7B__typename%7D&variables=%EF%BB%BF%7B%7D";
    assert_eq!(app.request("GET", path, &[]).await.at("/__typename"), "Query");
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_refused_by_name() {
    let app = TestApp::start().await;
    let body = br#"{"query":"{__typename}"}"#;
    for coding in ["gzip", "GZIP", "br", "deflate", "zstd", "x", "identity, gzip", "identity;q=1"] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        let answer = post(&app, body, &headers).await;
        answer.assert_not_executed(415, "BAD_USER_INPUT");
        assert_eq!((answer.header("accept-encoding"), answer.header("accept")), ("identity", ""), "{coding}");
    }
    for coding in ["identity", "Identity", "", "identity, identity"] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        assert_eq!(post(&app, body, &headers).await.at("/__typename"), "Query", "{coding}");
    }
}

/// Says who opens a socket with this header and this payload.
async fn greeted(app: &TestApp, header: &str, payload: Value) -> (SocketEvent, Value) {
    let headers = [("authorization", header)];
    let mut socket = Socket::try_open(app.address(), &headers).await.expect("a socket");
    socket.init(Some(payload)).await;
    let heard = socket.recv().await;
    if matches!(heard, SocketEvent::Closed(..)) {
        return (heard, Value::Null);
    }
    socket.subscribe("1", "{ me { username } }").await;
    (heard, socket.next("1").await)
}

#[tokio::test]
async fn a_token_that_is_empty_is_anonymous_over_http_and_in_a_socket() {
    let app = TestApp::start().await;
    for empty in ["", " ", "Bearer", "bearer ", " Bearer "] {
        let answer = app.anonymous().header("authorization", empty).ask("{ __typename me { id } }").await;
        answer.assert_unauthenticated("TOKEN_MALFORMED");
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let (heard, answer) = greeted(&app, "", json!({ name: empty })).await;
            assert!(matches!(heard, SocketEvent::Message(_)), "{name}: {empty:?}: {heard:?}");
            assert_eq!(answer["errors"][0]["extensions"]["reason"], "TOKEN_MALFORMED", "{empty:?}");
        }
    }
}

#[tokio::test]
async fn a_token_in_a_socket_is_spelled_as_in_a_header() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let bearer = ada.authorization();
    let token = ada.token.as_deref().expect("a token");
    for (header, payload) in [
        ("", json!({ "AUTHORIZATION": bearer })),
        ("", json!({ "authorization": format!(" \t{bearer} ") })),
        ("", json!({ "authorization": format!("bearer   {token}") })),
        ("", json!({ "authorization": bearer, "Authorization": bearer })),
        ("", json!({ "authorization": null, "Authorization": bearer })),
        (&bearer, json!({ "authorization": "" })),
        (&bearer, json!({ "authorization": "Bearer " })),
    ] {
        let (_, answer) = greeted(&app, header, payload).await;
        assert_eq!(answer["data"]["me"]["username"], "ada");
    }
    for payload in [
        json!({ "authorization": bearer, "Authorization": format!("{bearer}x") }),
        json!({ "authorization": token }),
        json!({ "authorization": format!("{bearer} {bearer}") }),
        json!({ "authorization": { "authorization": bearer } }),
    ] {
        match greeted(&app, "", payload).await {
            (SocketEvent::Closed(code, why), _) => {
                assert_eq!((code, why.as_str()), (4403, "TOKEN_MALFORMED"));
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}
