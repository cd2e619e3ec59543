//! The limits of a WebSocket connection: messages, operations, memory and time.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{greeted, open};
use crate::support::{
    Client, OWN_EVENTS, PASSWORD, Process, QUICK, Socket, SocketEvent, TestApp, eventually, large_after,
    spawn_all,
};

#[tokio::test]
async fn who_does_not_say_who_it_is_must_go() {
    let app = TestApp::with(|config| config.http.streams.init_timeout = Duration::from_millis(200)).await;
    let mut socket = open(&app).await;
    assert_eq!(socket.closed().await.0, 4408);
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_and_one_that_is_there_is_kept() {
    let app = TestApp::with(|config| {
        // Of a connection, for a request; a socket is none.
        config.http.idle_timeout = Duration::from_millis(300);
        config.http.header_timeout = Duration::from_millis(300);
        config.http.streams.heartbeat = Duration::from_secs(1);
        config.http.streams.max_open_per_address = 2;
    })
    .await;
    let mut alive = Socket::open(&app.anonymous()).await;
    // It never reads, so it answers no ping.
    let _dead = Socket::open(&app.anonymous()).await;
    eventually(async || {
        alive.assert_silent().await;
        Socket::try_open(app.address(), &[]).await.is_ok()
    })
    .await;
    alive.subscribe("1", "{ __typename }").await;
    alive.next("1").await;
}

#[tokio::test]
async fn a_socket_takes_so_much_and_no_more() {
    let app = TestApp::with(|config| {
        config.http.max_body_bytes = 1024;
        config.http.streams.max_messages_per_second = 10;
        config.http.streams.max_operations = 2;
    })
    .await;
    let ada = app.signed_in("ada").await;
    let mut large = Socket::open(&ada).await;
    large.subscribe("1", &"#".repeat(1024)).await;
    assert_eq!(large.closed().await.0, 1009);

    let mut fast = Socket::open(&ada).await;
    for _ in 0..10 {
        fast.say(&json!({ "type": "pong" })).await;
    }
    assert_eq!(fast.closed().await.0, 1008);

    let mut wide = Socket::open(&ada).await;
    for id in ["1", "2", "3"] {
        wide.subscribe(id, OWN_EVENTS).await;
    }
    let errors = wide.error("3").await;
    assert_eq!(errors[0]["extensions"]["code"], "OPERATION_LIMIT_EXCEEDED");
    assert!(errors[0]["message"].to_string().contains("http.streams.max_operations"), "{errors}");
    wide.say(&json!({ "type": "complete", "id": "1" })).await;
    wide.subscribe("3", "{ __typename }").await;
    wide.next("3").await;
}

#[tokio::test]
async fn the_documents_of_a_socket_take_so_much_memory_and_no_more() {
    let app = TestApp::with(|config| config.http.streams.max_document_bytes = 100_000).await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    let large = format!("subscription {{ accountEvents {{ {} }} }}", "id ".repeat(200));
    for id in ["1", "2"] {
        socket.subscribe(id, &large).await;
    }
    let errors = socket.error("2").await;
    assert_eq!(errors[0]["extensions"]["code"], "OPERATION_LIMIT_EXCEEDED");
    assert!(errors[0]["message"].to_string().contains("http.streams.max_document_bytes"), "{errors}");
    socket.say(&json!({ "type": "complete", "id": "1" })).await;
    socket.subscribe("2", &large).await;
    socket.assert_silent().await;
}

#[tokio::test]
async fn everything_that_a_socket_keeps_takes_part_of_its_memory() {
    let app = TestApp::with(|config| config.http.streams.max_document_bytes = 100_000).await;
    let ada = app.signed_in("ada").await;
    let text = "x".repeat(60_000);
    let id = "accountEvents { id }";
    let with = |more: &Value| {
        let mut payload = json!({ "query": format!("subscription {{ {id} }}") });
        payload
            .as_object_mut()
            .expect("an object")
            .append(&mut more.as_object().cloned().expect("an object"));
        payload
    };
    let many = vec![1; 1500];
    for (what, payload) in [
        (
            "a variable",
            json!({
                "query": "subscription($a: ID) { accountEvents(after: $a) { id } }", "variables": { "a": text.repeat(2) },
            }),
        ),
        (
            "a variable of a query",
            json!({
                "query": "query($a: ID!) { node(id: $a) { id } }", "variables": { "a": text.repeat(2) },
            }),
        ),
        ("an extension", with(&json!({ "extensions": { "a": text.repeat(2) } }))),
        ("a parsed extension", with(&json!({ "extensions": { "a": many } }))),
    ] {
        let mut socket = Socket::open(&ada).await;
        socket.say(&json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        assert_full(&socket.error("1").await, what);
        socket.subscribe("1", "{ __typename }").await;
        socket.next("1").await;
    }
    let mut socket = Socket::open(&ada).await;
    for id in ["1", "2"] {
        let payload = with(&json!({ "extensions": { "a": text } }));
        socket.say(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }
    assert_full(&socket.error("2").await, "both together");
    let spaces = " ".repeat(120_000);
    let authorization = ada.authorization().replacen(' ', &spaces, 1);
    let mut socket = Socket::try_open(app.address(), &[]).await.expect("a socket");
    socket.init(Some(json!({ "authorization": authorization }))).await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    // The text of the header is not retained.
    socket.subscribe("1", "{ __typename }").await;
    socket.next("1").await;
}

#[track_caller]
fn assert_full(errors: &Value, what: &str) {
    assert_eq!(errors[0]["extensions"]["code"], "OPERATION_LIMIT_EXCEEDED", "{what}: {errors}");
    assert!(errors[0]["message"].to_string().contains("http.streams.max_document_bytes"), "{what}: {errors}");
}

#[tokio::test]
async fn so_many_sockets_are_open_at_once_and_the_next_is_refused() {
    let app = TestApp::with(|config| {
        config.http.streams.max_open = 4;
        config.http.streams.max_open_per_address = 3;
        config.http.streams.max_open_per_session = 2;
    })
    .await;
    let ada = app.signed_in("ada").await;
    let first = Socket::open(&ada).await;
    let _second = Socket::open(&ada).await;
    let SocketEvent::Closed(code, reason) = greeted(&app, &[], Some(ada.payload())).await else {
        panic!("it is too many")
    };
    assert_eq!((code, reason.contains("http.streams.max_open_per_session")), (1013, true));
    let _third = Socket::open(&app.anonymous()).await;
    let refused = Socket::try_open(app.address(), &[]).await.err().expect("too many from there");
    refused.assert_not_executed(429, "OPERATION_LIMIT_EXCEEDED");
    let from = |address| [("x-forwarded-for", address)];
    let _fourth = Socket::try_open(app.address(), &from("203.0.113.7")).await.expect("from elsewhere");
    let refused = Socket::try_open(app.address(), &from("203.0.113.8")).await.err().expect("too many");
    refused.assert_not_executed(503, "SERVICE_UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
    drop(first);
    eventually(async || Socket::try_open(app.address(), &from("203.0.113.8")).await.is_ok()).await;
}

#[tokio::test]
async fn a_few_addresses_that_take_every_socket_keep_nobody_out() {
    let app = TestApp::with(|config| {
        config.http.streams.max_open = 16;
        config.http.streams.max_open_per_address = 4;
        config.http.streams.max_open_per_session = 4;
    })
    .await;
    let ada = app.signed_in("ada").await;
    let open = async |address: &str, payload: Option<Value>| {
        let mut socket =
            Socket::try_open(app.address(), &[("x-forwarded-for", address)]).await.expect("a socket");
        socket.init(payload).await;
        assert_eq!(socket.message().await["type"], "connection_ack");
        socket
    };
    let mut adas = open("2001:db8:1::1", Some(ada.payload())).await;
    let mut strangers = Vec::new();
    for number in 1..16 {
        strangers.push(open(&format!("2001:db8:{}::1", 1 + number % 4), None).await);
    }
    let refused = Socket::try_open(app.address(), &[("x-forwarded-for", "2001:db8:1:ff::1")]).await;
    refused.err().expect("the /48 has its share").assert_not_executed(429, "OPERATION_LIMIT_EXCEEDED");
    for number in 1..4 {
        strangers.push(open(&format!("2001:db8:ff{number}::1"), None).await);
    }
    adas.subscribe("1", "{ __typename }").await;
    adas.next("1").await;
    let mut closed = 0;
    for stranger in &mut strangers {
        stranger.subscribe("1", "{ __typename }").await;
        match stranger.recv().await {
            SocketEvent::Message(_) => {}
            SocketEvent::Closed(1013, reason) if reason.contains("http.streams.max_open") => closed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(closed, 3);
}

#[tokio::test]
async fn an_anonymous_socket_makes_room_after_a_while_and_a_signed_in_one_does_not() {
    let app = TestApp::with(|config| {
        config.http.streams.max_open = 2;
        config.http.streams.init_timeout = Duration::from_millis(100);
    })
    .await;
    let ada = app.signed_in("ada").await;
    let mut adas = Socket::open(&ada).await;
    let mut stranger = Socket::open(&app.anonymous()).await;
    let mut newcomer = None;
    eventually(async || {
        newcomer = Socket::try_open(app.address(), &[]).await.ok();
        newcomer.is_some()
    })
    .await;
    assert_eq!(stranger.closed().await.0, 1013);
    adas.subscribe("1", "{ __typename }").await;
    adas.next("1").await;
}

/// Somebody whose events are large, in a socket of which there may be one.
struct Slow {
    stranger: Client,
    ada: Client,
    /// The events that were heard, behind the first.
    heard: Vec<String>,
    socket: Socket,
}

/// The id of the event that a message tells of.
fn id(told: &Value) -> &str {
    let id = &told["payload"]["data"]["accountEvents"]["id"];
    id.as_str().unwrap_or_else(|| panic!("an event was expected: {told}"))
}

impl Slow {
    const EVENTS: usize = 60;

    async fn start(stranger: Client) -> Self {
        let ada = stranger.clone().with_large_events("ada").await;
        let mut socket = Socket::open(&ada).await;
        socket.subscribe("1", OWN_EVENTS).await;
        let mut told = socket.provoke(async || stranger.fail_to_log_in("ada").await).await;
        stranger.clone().log_in("ada", PASSWORD).await.assert_done();
        while told["payload"]["data"]["accountEvents"]["action"] != "LOGIN_SUCCEEDED" {
            told = socket.message().await;
        }
        socket.send(Message::Close(None)).await;
        let first = id(&told).to_owned();
        let mut slow = Self { stranger, ada, heard: vec![first], socket };
        slow.resume().await;
        slow
    }

    /// Far more than the buffers of the network hold, of which nothing is read.
    fn write(&self) -> impl Future<Output = ()> + use<> {
        let stranger = self.stranger.clone();
        async move {
            for _ in 0..Self::EVENTS {
                stranger.fail_to_log_in("ada").await;
            }
        }
    }

    /// Reads until all was heard, which is told by nothing, or the socket ends.
    async fn read(&mut self) -> Option<SocketEvent> {
        while self.heard.len() <= Self::EVENTS {
            match self.socket.recv().await {
                SocketEvent::Message(told) => self.heard.push(id(&told).to_owned()),
                end => return Some(end),
            }
        }
        None
    }

    /// Comes again, and goes on behind the last event that was heard.
    async fn resume(&mut self) {
        let mut opened = None;
        eventually(async || {
            opened = Socket::try_open(self.ada.address(), &[]).await.ok();
            opened.is_some()
        })
        .await;
        self.socket = opened.expect("a socket");
        self.socket.init(Some(self.ada.payload())).await;
        assert_eq!(self.socket.message().await["type"], "connection_ack");
        self.follow().await;
    }

    async fn follow(&mut self) {
        self.socket.subscribe("1", &large_after(self.heard.last().expect("one"))).await;
    }

    /// Says that what was written was heard, and nothing twice. On a busy machine even a client that reads at once can be
    /// too slow, and must resume again.
    async fn assert_nothing_is_lost(mut self) {
        while self.read().await.is_some() {
            self.resume().await;
        }
        let different: BTreeSet<_> = self.heard.iter().collect();
        assert_eq!((self.heard.len(), different.len()), (Self::EVENTS + 1, Self::EVENTS + 1));
        self.socket.assert_silent().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_off_and_can_resume() {
    let app = TestApp::with(|config| {
        config.http.streams.send_timeout = Duration::from_millis(500);
        config.http.streams.max_open_per_address = 1;
    })
    .await;
    let mut slow = Slow::start(app.anonymous()).await;
    slow.write().await;
    // Its seat is free again.
    eventually(async || Socket::try_open(app.address(), &[]).await.is_ok()).await;
    // It reads what was on its way, and the end, for whose reason it comes too late.
    assert!(matches!(slow.read().await, Some(SocketEvent::Closed(1013, _) | SocketEvent::Lost)));
    slow.resume().await;
    slow.assert_nothing_is_lost().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pauses_for_too_long_is_told_why_it_is_cut_off_and_can_resume() {
    for _ in 0..5 {
        let (end, mut slow, _process) = cut_off_after_a_pause().await;
        // The server waits a second for the client to take the reason, and a busy machine can pause it for longer.
        let SocketEvent::Closed(code, reason) = end else { continue };
        assert_eq!((code, reason.contains("http.streams.send_timeout")), (1013, true));
        slow.resume().await;
        return slow.assert_nothing_is_lost().await;
    }
    panic!("the client never gets the reason");
}

/// Lets a client pause until the server cuts it off. Returns how the socket ended for the client.
async fn cut_off_after_a_pause() -> (SocketEvent, Slow, Process) {
    let process = Process::start(&[
        QUICK[0],
        QUICK[1],
        ("PORTCULLIS_HTTP__STREAMS__SEND_TIMEOUT", "500ms"),
        ("PORTCULLIS_LOG__FILTER", "portcullis::http=debug"),
    ])
    .await;
    let mut slow = Slow::start(process.anonymous()).await;
    let write = slow.write();
    let pause = async {
        // It comes back before the server stops waiting for its goodbye.
        eventually(async || process.log().contains("http.streams.send_timeout")).await;
        slow.read().await
    };
    let (end, ()) = tokio::join!(pause, write);
    (end.expect("it is cut off"), slow, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_do_not_hold_up_a_server_that_stops() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mine = app.mine(&ada).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = Socket::open(&ada).await;
        socket.subscribe("1", &mine).await;
        sockets.push(socket);
    }
    app.anonymous().fail_to_log_in("ada").await;
    for socket in &mut sockets {
        socket.next("1").await;
    }
    let silent = open(&app).await;
    let began = Instant::now();
    let farewells = spawn_all(sockets.into_iter().map(|mut socket| async move { socket.closed().await }));
    let (farewells, ()) = tokio::join!(farewells, app.stop());
    assert!(farewells.iter().all(|(code, _)| *code == 1001), "{farewells:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    drop(silent);
}
