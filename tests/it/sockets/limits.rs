//! How much of the server a socket may use, and for how long it may keep it waiting.

use std::time::{Duration, Instant};

use portcullis::config::Config;
use serde_json::json;

use super::{MINE, greeted, open};
use crate::support::{Heard, Socket, TestApp, at_once};

fn quick(config: &mut Config) {
    // Of a connection, for a request; a socket is none.
    config.http.idle_timeout = Duration::from_millis(300);
    config.http.header_timeout = Duration::from_millis(300);
    let streams = &mut config.http.streams;
    streams.init_timeout = Duration::from_millis(200);
    streams.heartbeat = Duration::from_millis(200);
    streams.send_timeout = Duration::from_millis(200);
}

#[tokio::test]
async fn who_does_not_say_who_it_is_must_go() {
    let app = TestApp::with(quick).await;
    let mut socket = open(&app).await;
    assert_eq!(socket.closed().await.0, 4408);
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_and_one_that_is_there_is_kept() {
    let app = TestApp::with(|config| {
        quick(config);
        config.http.streams.max_open_per_address = 2;
    })
    .await;
    let mut alive = Socket::open(&app.anonymous()).await;
    // It never reads, so it answers no ping.
    let _dead = Socket::open(&app.anonymous()).await;
    let reads = async {
        for _ in 0..3 {
            alive.assert_silent().await;
        }
    };
    reads.await;
    // Its seat is free again.
    Socket::open(&app.anonymous()).await;
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
        wide.subscribe(id, MINE).await;
    }
    let errors = wide.error("3").await;
    assert_eq!(errors[0]["extensions"]["code"], "OPERATION_LIMIT_EXCEEDED");
    assert!(errors[0]["message"].to_string().contains("http.streams.max_operations"), "{errors}");
    wide.say(&json!({ "type": "complete", "id": "1" })).await;
    wide.subscribe("3", "{ __typename }").await;
    wide.next("3").await;
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
    let payload = json!({ "authorization": format!("Bearer {}", ada.token.as_ref().expect("a token")) });
    let Heard::Closed(code, reason) = greeted(&app, &[], Some(payload)).await else {
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
    let freed = async { while Socket::try_open(app.address(), &from("203.0.113.8")).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(5), freed).await.expect("a seat is free again");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_can_resume() {
    let app = TestApp::with(|config| {
        quick(config);
        config.http.streams.heartbeat = Duration::from_mins(1);
        config.http.streams.max_open_per_address = 1;
    })
    .await;
    let root = app.admin().await;
    let mut socket = Socket::open(&root).await;
    // Far more than the buffers of the network hold.
    let long = format!(
        "{{ {} }}",
        (0..20)
            .map(|n| format!(
                "a{n}: __schema {{ types {{ description fields {{ description args {{ description }} }} }} }}"
            ))
            .collect::<Vec<_>>()
            .join(" ")
    );
    let mut refused = 0;
    for id in 0..30 {
        socket.subscribe(&id.to_string(), &long).await;
    }
    let seat = async {
        while Socket::try_open(app.address(), &[]).await.is_err() {
            refused += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), seat).await.expect("the seat is free again");
    assert!(refused > 0, "it had a while");
    while let Heard::Message(_) = socket.hear().await {}
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_do_not_hold_up_a_server_that_stops() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = Socket::open(&ada).await;
        socket.subscribed("1", MINE).await;
        sockets.push(socket);
    }
    let silent = open(&app).await;
    let began = Instant::now();
    let farewells = at_once(sockets.into_iter().map(|mut socket| async move { socket.closed().await }));
    let (farewells, ()) = tokio::join!(farewells, app.stop());
    assert!(farewells.iter().all(|(code, _)| *code == 1001), "{farewells:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    drop(silent);
}
