//! The program under a power failure, heavy load, and an orchestrator that stops it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};

use crate::support::{AUTH, Answer, Client, LOAD, PASSWORD, Process, QUICK, TERSE, spawn_all};

#[tokio::test(flavor = "multi_thread")]
async fn who_got_an_answer_before_a_power_cut_holds_a_token_that_works() {
    let _alone = LOAD.lock().await;
    let grace = ("PORTCULLIS_TOKENS__REFRESH_GRACE", "1m");
    let mut process = Process::start(&[&QUICK[..], &[grace]].concat()).await;
    let clients = process.register(20).await;

    let (answers, half) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let refreshing = clients.into_iter().map(|mut client| {
        let (answers, half) = (Arc::clone(&answers), Arc::clone(&half));
        async move {
            for _ in 0..50 {
                let Some(answer) = client.try_refresh().await else { break };
                answer.assert_done();
                if answers.fetch_add(1, Ordering::Relaxed) == 500 {
                    half.notify_one();
                }
            }
            client
        }
    });
    let refreshing: JoinSet<_> = refreshing.collect();
    half.notified().await;
    process.kill_and_restart().await;
    let clients = refreshing.join_all().await;
    let answered = answers.load(Ordering::Relaxed);
    assert!((500..1000).contains(&answered), "the cut came after {answered} answers");

    for mut client in clients {
        let last = client.clone();
        client.refresh().await.assert_done();
        let again = last.refresh_with(last.kept()).await;
        assert_eq!(again.assert_done().at("/it/refreshToken"), client.kept(), "there is one chain");
        client.refresh().await.assert_done();
        let sessions = client.ask("{ me { sessions { totalCount } } }").await;
        assert_eq!(sessions.assert_done().at("/me/sessions/totalCount"), 1);
        last.refresh_with(last.kept()).await.assert_refused("INVALID_REFRESH_TOKEN");
    }
}

/// 200 logins at once, and how long each guarded query beside them took.
async fn storm(process: &Process, clients: &[Client]) -> (Vec<Answer>, Vec<Duration>) {
    let logins = (0..200).map(|number| {
        let client = process.anonymous();
        let input = json!({ "username": format!("user{}", number % clients.len()), "password": PASSWORD });
        async move { client.mutate("login", input, AUTH).await }
    });
    let logins: JoinSet<_> = logins.collect();
    let over = Arc::new(AtomicUsize::new(0));
    let (end, me) = (Arc::clone(&over), clients[0].clone());
    let asking = JoinSet::from_iter([async move {
        let mut times = Vec::new();
        while end.load(Ordering::Relaxed) == 0 {
            let began = Instant::now();
            me.me().await.assert_done();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        times
    }]);
    let answers = logins.join_all().await;
    over.store(1, Ordering::Relaxed);
    (answers, asking.join_all().await.remove(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_logins_at_once_all_succeed_and_hold_nobody_up() {
    let _alone = LOAD.lock().await;
    let process = Process::start(&[TERSE]).await;
    let clients = process.register(20).await;
    let (answers, times) = storm(&process, &clients).await;
    let sessions: HashSet<_> =
        answers.iter().map(|answer| answer.assert_done().at("/it/session/id").to_string()).collect();
    assert_eq!(sessions.len(), 200);
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(100), "the median of {} queries is {median:?}", times.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_find_the_queue_full_are_asked_to_come_again() {
    let _alone = LOAD.lock().await;
    // Slow hashes: otherwise they can keep pace with the attempts, each of which the database counts first.
    let slow = [("PORTCULLIS_PASSWORDS__WORKERS", "1"), ("PORTCULLIS_PASSWORDS__ITERATIONS", "12")];
    let process = Process::start(&[TERSE, slow[0], slow[1], ("PORTCULLIS_PASSWORDS__QUEUE", "32")]).await;
    let clients = process.register(10).await;
    let (answers, times) = storm(&process, &clients).await;
    let (refused, done): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.body.get("errors").is_some());
    assert!(done.len() >= 32 && !refused.is_empty(), "{} of 200 succeeded", done.len());
    for answer in refused {
        answer.assert_failed("SERVICE_UNAVAILABLE");
        assert!(answer.error()["retryAfter"].as_u64().is_some_and(|seconds| seconds > 0), "{}", answer.body);
    }
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(100), "the median of {} queries is {median:?}", times.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_flight_is_finished_before_the_program_ends() {
    let mut process = Process::start(&[]).await;
    process.register(1).await;
    let query = format!(
        "mutation {{ it: login(input: {{ username: \"user0\", password: \"{PASSWORD}\" }}) {{ {AUTH} }} }}"
    );
    let body = json!({ "query": query }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        body.len(),
    );
    let mut connection = TcpStream::connect(process.address()).await.expect("a connection");
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut go_on = [0; 25];
    connection.read_exact(&mut go_on).await.expect("the server asks for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    process.terminate();
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(process.address()).await.is_ok() {
        assert!(Instant::now() < deadline, "the program takes new connections still");
    }
    connection.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"refreshToken\":\"prt_"), "{answer}");
    assert_eq!(process.exit().await.code(), Some(0), "{}", process.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_that_start_together_in_an_empty_folder_share_their_secret_and_key() {
    let database = crate::support::TestDatabase::create().await;
    let start = |_| {
        let database = database.clone();
        async move { Process::start_on(database, &QUICK).await }
    };
    let [first, second]: [Process; 2] = spawn_all((0..2).map(start)).await.try_into().ok().expect("two");
    let keys = first.anonymous().get("/.well-known/jwks.json").await.body;
    assert_eq!(second.anonymous().get("/.well-known/jwks.json").await.body, keys);
    let mut ada = first.anonymous();
    ada.register("ada", PASSWORD).await.assert_done();
    ada.at(format!("http://{}/graphql", second.address())).refresh().await.assert_done();
}
