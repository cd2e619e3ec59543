//! Limits of TCP connections: their number, and the time that each may wait.

mod http2;

use std::time::{Duration, Instant};

use portcullis::config::HttpConfig;
use tokio::time::sleep;

use self::http2::{HEADERS, PING, PREFACE, request};
use crate::support::{TestApp, Wire, eventually};

const SOON: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_hours(1);

async fn app(configure: impl FnOnce(&mut HttpConfig)) -> TestApp {
    TestApp::with(|config| {
        config.http.trusted_proxies = Vec::new();
        config.http.header_timeout = LATE;
        config.http.idle_timeout = LATE;
        configure(&mut config.http);
    })
    .await
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
async fn a_few_addresses_that_take_every_connection_keep_nobody_out() {
    let app = app(|http| (http.max_connections, http.max_connections_per_address) = (16, 4)).await;
    let connect =
        async |network: usize| Wire::connect_from(&format!("127.{network}.0.1"), app.address()).await;
    let mut taken = Vec::new();
    for number in 0..16 {
        let mut wire = connect(1 + number % 4).await;
        if number != 0 {
            assert!(wire.get("/healthz").await);
        }
        taken.push(wire);
    }
    // The first has sent a part of a request with a body, so it is busy.
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
                expect: 100-continue\r\n\r\n";
    taken[0].send(head).await;
    assert!(taken[0].head().await.expect("the server asks for the body").starts_with("HTTP/1.1 100"));
    for network in 11..14 {
        let mut newcomer = connect(network).await;
        assert!(newcomer.get("/healthz").await, "network {network}");
        taken.push(newcomer);
    }
    connect(1).await.closed().await;
    let mut open = 0;
    for wire in taken.iter_mut().skip(1) {
        open += usize::from(wire.get("/healthz").await);
    }
    assert_eq!(open, 15, "an idle connection has made room for each");
    taken[0].send("{\"a\":\"b\"}").await;
    assert!(taken[0].head().await.is_some(), "a busy one has not");
}

#[tokio::test]
async fn neighbours_have_a_limit_together() {
    let app = app(|http| (http.max_connections, http.max_connections_per_address) = (16, 2)).await;
    let mut taken = Vec::new();
    for host in [1, 1, 2, 2] {
        let mut wire = Wire::connect_from(&format!("127.1.0.{host}"), app.address()).await;
        assert!(wire.get("/healthz").await);
        taken.push(wire);
    }
    Wire::connect_from("127.1.0.3", app.address()).await.closed().await;
    assert!(Wire::connect_from("127.1.1.3", app.address()).await.get("/healthz").await);
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
    eventually(async || Wire::connect(app.address()).await.get("/healthz").await).await;
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
