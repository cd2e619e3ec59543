//! Who holds a connection to the server, and how long they may make it wait.

use std::time::{Duration, Instant};

use portcullis::config::HttpConfig;
use tokio::time::sleep;

use crate::support::{TestApp, Wire, until};

const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_hours(1);

/// What opens a connection of HTTP/2, with no settings of the client's own.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The same, with a window of so many bytes for each answer.
fn opening(window: u8) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0", &[window][..]].concat()
}

/// The types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

async fn app(configure: impl FnOnce(&mut HttpConfig)) -> TestApp {
    TestApp::with(|config| {
        config.http.trusted_proxies = Vec::new();
        config.http.header_timeout = LATE;
        config.http.idle_timeout = LATE;
        configure(&mut config.http);
    })
    .await
}

/// A GET of /healthz on a stream of HTTP/2.
fn request(stream: u8) -> Vec<u8> {
    request_for("/healthz", "*/*", stream)
}

/// A GET on a stream of HTTP/2: HEADERS that end both themselves and the stream, in HPACK's static names.
fn request_for(path: &str, accept: &str, stream: u8) -> Vec<u8> {
    let mut frame = vec![0, 0, 0, 1, 5, 0, 0, 0, stream, 0x82, 0x86];
    for (name, value) in [(&[0x04][..], path), (&[0x01], "localhost"), (&[0x0f, 0x04], accept)] {
        frame.extend(name);
        frame.push(u8::try_from(value.len()).expect("it is short"));
        frame.extend(value.as_bytes());
    }
    frame[2] = u8::try_from(frame.len() - 9).expect("it is short");
    frame
}

/// A POST of JSON to /graphql on a stream of HTTP/2, whose body follows.
fn post(stream: u8) -> Vec<u8> {
    let mut frame = request_for("/graphql", "application/json", stream);
    frame.extend([0x0f, 0x10, 16]);
    frame.extend(b"application/json");
    (frame[2], frame[4], frame[9]) = (frame[2] + 19, 4, 0x83);
    frame
}

#[tokio::test]
async fn a_client_that_sends_its_headers_byte_by_byte_is_cut_off_while_others_are_served() {
    let app = app(|http| http.header_timeout = SOON).await;
    let mut slow = Wire::connect(app.address()).await;
    let began = Instant::now();
    slow.send("GET /healthz HTTP/1.1\r\n").await;
    while slow.send("x: x\r\n").await {
        app.anonymous().ask("{ __typename }").await.assert_done();
        assert!(began.elapsed() < Duration::from_secs(20), "it is never cut off");
    }
    assert!(began.elapsed() >= SOON, "it had its time");
}

#[tokio::test]
async fn a_connection_that_brings_no_request_is_closed() {
    let app = app(|http| http.header_timeout = SOON).await;
    for start in [&b""[..], b"G", b"POST /graphql HTTP/1.1\r\nhost: x\r\n", &PREFACE[..10]] {
        let mut wire = Wire::connect(app.address()).await;
        wire.send(start).await;
        assert!(wire.closed().await >= SOON);
    }
    let mut wire = Wire::connect(app.address()).await;
    wire.send(PREFACE).await;
    while wire.frame().await.is_some() {}
}

#[tokio::test]
async fn a_connection_may_lie_idle_for_longer_than_headers_may_take_but_not_for_ever() {
    let (short, long) = (Duration::from_millis(100), Duration::from_millis(900));
    let app = app(|http| (http.header_timeout, http.idle_timeout) = (short, long)).await;
    let mut wire = Wire::connect(app.address()).await;
    assert!(wire.get("/healthz").await);
    sleep(3 * short).await;
    let asked = Instant::now();
    assert!(wire.get("/healthz").await, "an idle connection is kept");
    wire.closed().await;
    assert!(asked.elapsed() >= long, "it was closed after {:?}", asked.elapsed());
}

#[tokio::test]
async fn a_request_on_a_kept_connection_must_come_in_time_as_well() {
    let app = app(|http| http.header_timeout = SOON).await;
    let mut wire = Wire::connect(app.address()).await;
    assert!(wire.get("/healthz").await);
    wire.send("GET /healthz HTTP/1.1\r\n").await;
    wire.closed().await;
}

#[tokio::test]
async fn a_body_has_the_time_of_its_request_and_not_of_its_headers() {
    let app = app(|http| (http.header_timeout, http.idle_timeout) = (SOON, SOON)).await;
    let body = r#"{"query":"{__typename}"}"#;
    let mut wire = Wire::connect(app.address()).await;
    let length = body.len();
    wire.send(format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ))
    .await;
    sleep(2 * SOON).await;
    wire.send(body).await;
    assert!(wire.head().await.expect("an answer").starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = app(|http| http.request_timeout = Duration::from_secs(1)).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    )
    .await;
    assert!(wire.head().await.expect("an answer").starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn headers_have_a_most_of_bytes() {
    let app = app(|_| ()).await;
    let ask = async |bytes: usize| {
        let mut wire = Wire::connect(app.address()).await;
        wire.send(format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(bytes))).await;
        wire.head().await.expect("an answer")
    };
    assert!(ask(200_000).await.starts_with("HTTP/1.1 200"));
    assert!(ask(300_000).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_hundred_idle_connections_from_one_address_leave_room_for_another() {
    let app = app(|http| http.max_connections_per_address = 100).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(Wire::connect(app.address()).await);
    }
    assert!(idle[99].get("/healthz").await);
    Wire::connect(app.address()).await.closed().await;
    assert!(Wire::connect_from("127.0.0.2", app.address()).await.get("/healthz").await);
    idle.pop();
    is_served_soon(&app).await;
}

#[tokio::test]
async fn a_trusted_proxy_may_have_more_connections_than_an_address() {
    let app = app(|http| {
        http.max_connections_per_address = 1;
        http.trusted_proxies = vec!["127.0.0.2/32".parse().expect("a network")];
    })
    .await;
    let mut proxy = Vec::new();
    for _ in 0..3 {
        proxy.push(Wire::connect_from("127.0.0.2", app.address()).await);
        assert!(proxy.last_mut().expect("it was pushed").get("/healthz").await);
    }
}

#[tokio::test]
async fn over_the_most_connections_the_newest_is_closed_until_another_ends() {
    let app = app(|http| http.max_connections = 2).await;
    let mut first = Wire::connect(app.address()).await;
    let _second = Wire::connect_from("127.0.0.2", app.address()).await;
    Wire::connect_from("127.0.0.3", app.address()).await.closed().await;
    assert!(first.get("/healthz").await, "who is here already stays");
    drop(first);
    is_served_soon(&app).await;
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_cut_off() {
    let app = app(|http| (http.idle_timeout, http.max_connections_per_address) = (SOON, 1)).await;
    let mut deaf = Wire::connect(app.address()).await;
    // More than the kernel keeps for it on both ends.
    let request = "GET /playground.js HTTP/1.1\r\nhost: localhost\r\n\r\n";
    deaf.send(request.repeat(50)).await;
    is_served_soon(&app).await;
}

/// Waits until a connection from here is answered again.
async fn is_served_soon(app: &TestApp) {
    until(async || Wire::connect(app.address()).await.get("/healthz").await).await;
}

#[tokio::test]
async fn a_server_that_stops_closes_what_is_idle_at_once() {
    let app = app(|_| ()).await;
    let mut kept = Wire::connect(app.address()).await;
    assert!(kept.get("/healthz").await);
    let mut silent = Wire::connect(app.address()).await;
    let mut http2 = Wire::connect(app.address()).await;
    http2.send([PREFACE, &request(1)].concat()).await;
    while http2.frame().await.expect("an answer").0 != HEADERS {}
    let began = Instant::now();
    let polite = async {
        while let Some((kind, payload)) = http2.frame().await {
            if kind == PING {
                http2.send([&[0, 0, 8, PING, 1, 0, 0, 0, 0], &*payload].concat()).await;
            }
        }
    };
    tokio::join!(app.stop(), polite);
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    kept.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn who_has_not_been_answered_when_the_grace_is_over_is_cut_off() {
    let app = app(|http| http.shutdown_grace = SOON).await;
    let mut slow = Wire::connect(app.address()).await;
    slow.send("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n")
        .await;
    slow.send("expect: 100-continue\r\n\r\n").await;
    assert!(slow.head().await.expect("an answer").starts_with("HTTP/1.1 100"));
    app.stop().await;
    assert!(slow.closed().await >= SOON);
}

#[tokio::test]
async fn http2_is_spoken_within_limits_that_it_tells() {
    let app = app(|_| ()).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send(PREFACE).await;
    let (kind, payload) = wire.frame().await.expect("the server's settings");
    assert_eq!(kind, SETTINGS);
    let settings: Vec<(u8, u32)> = payload
        .chunks(6)
        .map(|setting| (setting[1], u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]])))
        .collect();
    assert!(settings.contains(&(3, 100)), "streams at once: {settings:?}");
    assert!(settings.contains(&(6, 16_384)), "bytes of headers: {settings:?}");
}

#[tokio::test]
async fn an_http2_client_that_asks_for_nothing_more_gets_a_goodbye() {
    let app = app(|http| http.idle_timeout = SOON).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send([PREFACE, &request(1)].concat()).await;
    let mut kinds = Vec::new();
    while let Some((kind, _)) = wire.frame().await {
        kinds.push(kind);
    }
    assert!(kinds.contains(&HEADERS) && kinds.contains(&GOAWAY), "{kinds:?}");
}

#[tokio::test]
async fn an_http2_client_that_does_not_answer_a_ping_is_cut_off() {
    let app = app(|http| http.header_timeout = SOON).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send([PREFACE, &request(1)].concat()).await;
    let mut kinds = Vec::new();
    while let Some((kind, _)) = wire.frame().await {
        kinds.push(kind);
    }
    assert!(kinds.contains(&HEADERS) && kinds.contains(&PING), "{kinds:?}");
}

#[tokio::test]
async fn an_http2_client_that_takes_no_answer_is_cut_off() {
    let app = app(|http| http.idle_timeout = SOON).await;
    for (query, accept) in [
        ("%7B__typename%7D", "application/json"),
        ("%7B__typename%7D", "text/event-stream"),
        ("subscription%7BaccountEvents%7Bid%7D%7D", "text/event-stream"),
    ] {
        let mut wire = Wire::connect(app.address()).await;
        let request = request_for(&format!("/graphql?query={query}"), accept, 1);
        wire.send([opening(0), request].concat()).await;
        let mut kinds = Vec::new();
        while let Some((kind, _)) = wire.frame().await {
            kinds.push(kind);
        }
        assert!(kinds.contains(&HEADERS) && !kinds.contains(&DATA), "{query} as {accept}: {kinds:?}");
    }
}

#[tokio::test]
async fn an_http2_client_that_asks_on_and_takes_no_answer_is_cut_off() {
    let app = app(|http| http.idle_timeout = SOON).await;
    for window in [0, 1] {
        let mut wire = Wire::connect(app.address()).await;
        wire.send(opening(window)).await;
        let mut streams = (1..=201).step_by(2);
        while wire.send(request(streams.next().expect("it is cut off"))).await {
            sleep(SOON / 3).await;
        }
    }
}

#[tokio::test]
async fn an_http2_client_that_takes_its_answers_may_ask_on_for_as_long_as_it_likes() {
    let app = app(|http| http.idle_timeout = SOON).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send(PREFACE).await;
    for stream in (1..80).step_by(2) {
        wire.send(request_for("/", "*/*", stream)).await;
        let mut kind = SETTINGS;
        while kind != DATA {
            kind = wire.frame().await.expect("it is kept").0;
            assert_ne!(kind, GOAWAY, "at {stream}");
        }
        sleep(SOON / 8).await;
    }
}

#[tokio::test]
async fn the_bodies_of_an_http2_client_have_one_share_and_do_not_wait_for_each_other() {
    let app = app(|http| (http.max_body_bytes, http.max_buffered_bytes) = (1024, 8 * 1024)).await;
    let mut wire = Wire::connect(app.address()).await;
    let data = |stream: u8, is_last: bool, body: &[u8]| {
        let [high, low] = u16::try_from(body.len()).expect("it is short").to_be_bytes();
        [&[0, high, low, DATA, u8::from(is_last), 0, 0, 0, stream], body].concat()
    };
    wire.send(PREFACE).await;
    for stream in (1..=17).step_by(2) {
        let body = data(stream, stream == 17, br#"{"query":"{ __typename }"}"#);
        wire.send([post(stream), body].concat()).await;
    }
    // 200 has a name of its own in HPACK.
    assert_eq!(answered(&mut wire).await, 0x88, "the ninth does not wait for eight that have no end");
    wire.send(data(1, false, &[b' '; 900])).await;
    assert_ne!(answered(&mut wire).await, 0x88, "eight that have no end are over the share of 1024 bytes");
}

/// The first byte of the head of the next answer, which has its status.
async fn answered(wire: &mut Wire) -> u8 {
    loop {
        let (kind, payload) = wire.frame().await.expect("an answer");
        if kind == HEADERS {
            return payload[0];
        }
    }
}

#[tokio::test]
async fn an_http2_client_that_leaves_much_unread_is_answered_no_more() {
    let app = app(|_| ()).await;
    let mut wire = Wire::connect(app.address()).await;
    wire.send(opening(0)).await;
    // The page's script has more than half of what may be left unread.
    for stream in [1, 3] {
        wire.send(request_for("/playground.js", "*/*", stream)).await;
    }
    let mut answers = 0;
    loop {
        match wire.frame().await.expect("the connection goes on").0 {
            HEADERS => answers += 1,
            RST_STREAM => break,
            _ => {}
        }
    }
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn who_resets_requests_as_fast_as_they_send_them_is_sent_away() {
    let app = app(|_| ()).await;
    let mut wire = Wire::connect(app.address()).await;
    let resets = (1..=120).map(|number| 2 * number - 1).flat_map(|stream| {
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8];
        [request(stream), reset.to_vec()].concat()
    });
    let resets: Vec<u8> = resets.collect();
    wire.send([PREFACE, &resets].concat()).await;
    let mut reason = None;
    while let Some((kind, payload)) = wire.frame().await {
        if kind == GOAWAY {
            reason = payload.get(7).copied();
        }
    }
    assert_eq!(reason, Some(11), "ENHANCE_YOUR_CALM");
    app.anonymous().ask("{ __typename }").await.assert_done();
}
