//! GraphQL over server-sent events (graphql-sse): one operation per stream.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Answer, Events, OWN_EVENTS, PASSWORD, Part, TestApp, eventually, large_after, own_events_after,
};

/// A GET of the endpoint for an event stream, as the `EventSource` of a browser sends it.
async fn get(app: &TestApp, query: &str, headers: &[(&str, &str)]) -> Result<Events, Answer> {
    let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
    url.query_pairs_mut().append_pair("query", query);
    let request = reqwest::Client::new().get(url).header("accept", "text/event-stream");
    Events::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn fail(app: &TestApp) {
    app.anonymous().fail_to_log_in("ada").await;
}

fn told(part: Option<Part>) -> (Value, String) {
    match part {
        Some(Part::Next { answer, id: Some(id) }) => (answer, id),
        other => panic!("an event was expected: {other:?}"),
    }
}

#[tokio::test]
async fn events_come_with_their_ids_over_either_version_of_http() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for client in [ada.clone(), ada.clone().over_http2()] {
        let mut events = client.follow(&app.mine(&ada).await).await;
        // It tells at once that it is there.
        assert_eq!(events.part().await, Some(Part::Heartbeat));
        fail(&app).await;
        let (answer, id) = told(events.word().await);
        assert_eq!(answer["data"]["accountEvents"], json!({ "id": id, "action": "LOGIN_FAILED" }));
    }
    let after = app.newest_event(Some(&ada.user_id)).await;
    let nameless = format!("subscription {{ accountEvents(after: \"{after}\") {{ action }} }}");
    let mut nameless = ada.follow(&nameless).await;
    fail(&app).await;
    let answer = json!({ "data": { "accountEvents": { "action": "LOGIN_FAILED" } } });
    assert_eq!(nameless.word().await, Some(Part::Next { answer, id: None }));
}

#[tokio::test]
async fn who_connects_anew_repeats_the_operation_and_resumes_by_the_header() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut events = ada.follow(&app.mine(&ada).await).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        fail(&app).await;
        ids.push(told(events.word().await).1);
    }
    let bearer = ada.authorization();
    let headers = [("authorization", bearer.as_str()), ("last-event-id", ids[0].as_str())];
    let mut resumed = get(&app, OWN_EVENTS, &headers).await.expect("a stream");
    assert_eq!([told(resumed.word().await).1, told(resumed.word().await).1], ids[1..]);
    let newer = [headers[0], ("last-event-id", ids[1].as_str())];
    let mut resumed = get(&app, &own_events_after(&ids[0]), &newer).await.expect("a stream");
    assert_eq!(told(resumed.word().await).1, ids[2]);
    let wrong = [headers[0], ("last-event-id", "event_nonsense")];
    let mut refused = get(&app, OWN_EVENTS, &wrong).await.expect("a stream");
    assert_eq!(refused.next().await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(refused.part().await, Some(Part::Complete));
}

#[tokio::test]
async fn queries_and_mutations_are_answered_once() {
    let app = TestApp::start().await;
    let mut events = app.anonymous().follow("{ __typename }").await;
    assert_eq!(events.next().await, json!({ "data": { "__typename": "Query" } }));
    assert_eq!(events.part().await, Some(Part::Complete));
    assert_eq!(events.part().await, None);
    let register = format!(
        "mutation {{ register(input: {{ username: \"ada\", password: \"{PASSWORD}\" }}) {{ expiresIn }} }}"
    );
    let mut events = app.anonymous().follow(&register).await;
    assert_eq!(events.next().await["data"]["register"]["expiresIn"], 3600);
    let refused = get(&app, &register, &[]).await.err().expect("GET changes nothing");
    refused.assert_not_executed(405, "BAD_USER_INPUT");
    // Who takes both gets what it named.
    let both = app.anonymous().header("accept", "application/json, text/event-stream");
    assert_eq!(both.ask("{ __typename }").await.at("/__typename"), "Query");
    let mut events = both.follow(OWN_EVENTS).await;
    assert_eq!(events.next().await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_document_that_cannot_be_executed_is_told_in_the_stream_and_a_request_that_is_none_by_its_status() {
    let app = TestApp::start().await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: accountEvents { id } b: accountEvents { id } }", "GRAPHQL_VALIDATION_FAILED"),
        (OWN_EVENTS, "UNAUTHENTICATED"),
    ] {
        let mut events = app.anonymous().follow(query).await;
        let answer = events.next().await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(answer["errors"][0]["extensions"]["requestId"], events.request_id.as_str());
        assert_eq!(events.part().await, Some(Part::Complete), "{query}");
        assert_eq!(events.part().await, None);
    }
    app.anonymous().try_follow("").await.err().expect("no query").assert_not_executed(400, "BAD_USER_INPUT");
    let form = app.anonymous().post().header("accept", "text/event-stream").body("query={__typename}");
    let form = Events::of(form.header("content-type", "application/x-www-form-urlencoded")).await;
    form.err().expect("a form").assert_not_executed(415, "BAD_USER_INPUT");
}

#[tokio::test]
async fn everything_that_a_stream_keeps_takes_part_of_its_memory() {
    let app = TestApp::with(|config| config.http.streams.max_document_bytes = 100_000).await;
    let ada = app.signed_in("ada").await;
    let text = "x".repeat(120_000);
    let large = json!({ "query": OWN_EVENTS, "extensions": { "a": text } });
    for (what, request) in [
        ("an extension", ada.post().json(&large)),
        ("the last event", ada.post().header("last-event-id", &text).json(&json!({ "query": OWN_EVENTS }))),
        (
            "the cookie",
            ada.post()
                .header("cookie", format!("__Host-portcullis_refresh={text}"))
                .json(&json!({ "query": OWN_EVENTS })),
        ),
    ] {
        let refused = Events::of(request.header("accept", "text/event-stream")).await.err();
        let refused = refused.unwrap_or_else(|| panic!("{what} is too large"));
        refused.assert_not_executed(400, "OPERATION_LIMIT_EXCEEDED");
        let message = refused.body["errors"][0]["message"].to_string();
        assert!(message.contains("http.streams.max_document_bytes"), "{what}: {message}");
    }
    ada.follow(OWN_EVENTS).await;
}

#[tokio::test]
async fn a_subscription_in_a_plain_request_is_told_where_to_go() {
    let app = TestApp::with(|config| config.graphql.max_batch = 2).await;
    let ada = app.signed_in("ada").await;
    for accept in ["application/json", "application/graphql-response+json", "*/*"] {
        let answer = ada.clone().header("accept", accept).ask(OWN_EVENTS).await;
        answer.assert_not_executed(406, "BAD_USER_INPUT");
        assert!(
            answer.body["errors"][0]["message"].to_string().contains("text/event-stream"),
            "{}",
            answer.body
        );
    }
    let batch = json!([{ "query": "{ __typename }" }, { "query": OWN_EVENTS }]);
    ada.header("accept", "text/event-stream").send(&batch).await.assert_not_executed(406, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_says_why() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let (ada, mut grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    let mut revoked = ada.clone().at(other.url("/graphql")).follow(OWN_EVENTS).await;
    let mut expired = grace.follow(OWN_EVENTS).await;
    let began = Instant::now();
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_last(&mut revoked, "TOKEN_REVOKED").await;
    let most = Duration::from_millis(if crate::support::postgres().is_some() { 1000 } else { 2500 });
    assert!(began.elapsed() < most, "it took {:?}", began.elapsed());
    app.wait(Duration::from_hours(1));
    assert_last(&mut expired, "TOKEN_EXPIRED").await;
    grace.refresh().await.assert_done();
    grace.follow(OWN_EVENTS).await;
}

/// Says that a stream ends for this reason.
async fn assert_last(events: &mut Events, reason: &str) {
    let answer = events.next().await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["reason"]), (&json!("UNAUTHENTICATED"), &json!(reason)));
    assert_eq!(extensions["requestId"], events.request_id.as_str());
    assert_eq!(events.part().await, Some(Part::Complete));
    assert_eq!(events.part().await, None);
}

#[tokio::test]
async fn a_stream_in_which_nothing_happens_is_kept_open() {
    let app = TestApp::with(|config| {
        config.http.idle_timeout = Duration::from_millis(300);
        config.http.header_timeout = Duration::from_millis(300);
        config.http.streams.heartbeat = Duration::from_millis(200);
    })
    .await;
    let ada = app.signed_in("ada").await;
    for client in [ada.clone(), ada.clone().over_http2()] {
        let mut events = client.follow(&app.mine(&ada).await).await;
        for _ in 0..6 {
            assert_eq!(events.part().await, Some(Part::Heartbeat));
        }
        fail(&app).await;
        events.next().await;
    }
}

#[tokio::test]
async fn so_many_streams_are_open_at_once_and_the_next_is_refused() {
    let app = TestApp::with(|config| {
        config.http.streams.max_open = 3;
        config.http.streams.max_open_per_address = 2;
        config.http.streams.max_open_per_session = 1;
    })
    .await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    let first = ada.follow(OWN_EVENTS).await;
    let of_session = ada.try_follow(OWN_EVENTS).await.err().expect("too many of the session");
    of_session.assert_not_executed(429, "OPERATION_LIMIT_EXCEEDED");
    let _second = grace.follow(OWN_EVENTS).await;
    let edsger = app.signed_in("edsger").await;
    let from_there = edsger.try_follow(OWN_EVENTS).await.err().expect("too many from there");
    from_there.assert_not_executed(429, "OPERATION_LIMIT_EXCEEDED");
    let _third = edsger.clone().behind("203.0.113.7").follow(OWN_EVENTS).await;
    let barbara = app.signed_in("barbara").await.behind("203.0.113.8");
    let too_many = barbara.try_follow(OWN_EVENTS).await.err().expect("too many");
    too_many.assert_not_executed(503, "SERVICE_UNAVAILABLE");
    drop(first);
    eventually(async || barbara.try_follow(OWN_EVENTS).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_its_streams_without_a_goodbye() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (mut one, mut two) =
        (ada.follow(OWN_EVENTS).await, ada.clone().over_http2().follow(OWN_EVENTS).await);
    let began = Instant::now();
    let (one, two, ()) = tokio::join!(one.word(), two.word(), app.stop());
    // A client takes it for a broken connection, and comes again.
    assert_eq!((one, two), (None, None));
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_read_its_stream_is_cut_off_and_can_resume() {
    let app = TestApp::with(|config| {
        config.http.streams.send_timeout = Duration::from_millis(200);
        config.http.streams.max_open_per_session = 1;
    })
    .await;
    let ada = app.anonymous().with_large_events("ada").await;
    let mut unread = ada.follow(&large_after(&app.newest_event(Some(&ada.user_id)).await)).await;
    for _ in 0..60 {
        fail(&app).await;
    }
    // Its seat is free again.
    eventually(async || ada.try_follow(OWN_EVENTS).await.is_ok()).await;
    // It reads what was on its way, then the end, and goes on from there.
    let (mut last, mut count) = (String::new(), 0);
    while let Some(part) = unread.word().await {
        last = told(Some(part)).1;
        count += 1;
    }
    assert!(count < 60, "{count}");
    let mut resumed = None;
    eventually(async || {
        resumed = ada.try_follow(&own_events_after(&last)).await.ok();
        resumed.is_some()
    })
    .await;
    let mut resumed = resumed.expect("a stream");
    for _ in count..60 {
        told(resumed.word().await);
    }
}
