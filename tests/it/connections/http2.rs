//! The limits of one HTTP/2 connection: streams, unread responses and frames.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{SOON, app};
use crate::support::{TestApp, Wire};

/// The HTTP/2 connection preface, with empty client settings.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The same, with a window of so many bytes for each answer.
fn opening(window: u8) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0", &[window][..]].concat()
}

/// The types of frames.
const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// A GET of /healthz on a stream of HTTP/2.
pub(super) fn request(stream: u8) -> Vec<u8> {
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
    for _ in 0..20 {
        let Err(pause) = ask_on(&app).await else { return };
        // A busy machine can pause the client for so long that the server is right to close the connection.
        assert!(pause >= SOON / 2, "closed {pause:?} after the previous answer");
    }
    panic!("the machine is too busy to keep a connection alive");
}

/// Sends requests for longer than the idle timeout, and takes their answers. Returns the time since the last answer if
/// the connection is closed.
async fn ask_on(app: &TestApp) -> Result<(), Duration> {
    let mut wire = Wire::connect(app.address()).await;
    let mut answered_at = Instant::now();
    wire.send(PREFACE).await;
    for stream in (1..80).step_by(2) {
        wire.send(request_for("/", "*/*", stream)).await;
        let mut kind = SETTINGS;
        while kind != DATA {
            kind = wire.frame().await.map_or(GOAWAY, |(kind, _)| kind);
            if kind == GOAWAY {
                return Err(answered_at.elapsed());
            }
        }
        answered_at = Instant::now();
        sleep(SOON / 8).await;
    }
    Ok(())
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
