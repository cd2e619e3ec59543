//! PostgreSQL becomes unavailable under a running server, and returns.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use portcullis::config::Config;
use reqwest::Url;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Answer, Client, OTHER_PASSWORD, PASSWORD, Proxy, TestApp, postgres, spawn_all};

/// A server whose PostgreSQL can be cut off; `None` where the tests run on SQLite.
async fn behind_a_proxy() -> Option<(TestApp, Proxy)> {
    let server = Url::parse(&postgres()?).expect("a URL");
    let host = (server.host_str().expect("a host").to_owned(), server.port().unwrap_or(5432));
    let target: SocketAddr = tokio::net::lookup_host(host).await.expect("an address").next().expect("one");
    let proxy = Proxy::start(target).await;
    let app = TestApp::with(|config| lead(config, proxy.address)).await;
    Some((app, proxy))
}

/// Leads a server to its database through another address.
fn lead(config: &mut Config, address: SocketAddr) {
    let url = config.database.url.take().expect("the test's database");
    let mut url = Url::parse(url.expose_secret()).expect("a URL");
    url.set_host(Some(&address.ip().to_string())).expect("a host");
    url.set_port(Some(address.port())).expect("a port");
    config.database.url = Some(url.to_string().into());
}

/// Asks until the answer is as it should be, and says how long that took.
async fn eventually<F: Future<Output = bool>>(is_so: impl Fn() -> F) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not come to pass");
    }
    began.elapsed()
}

/// One of everything that needs the database.
async fn everything(root: &Client, ada: &Client) -> Vec<Answer> {
    let credentials = json!({ "username": "ada", "password": PASSWORD });
    let new = json!({ "username": "grace", "password": PASSWORD });
    let password = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let mutate = |client: &Client, name: &'static str, input| {
        let client = client.clone();
        async move { client.mutate(name, input, "errors { code }").await }
    };
    let ask = |query: &'static str| {
        let root = root.clone();
        async move { root.ask(query).await }
    };
    let mut answers = spawn_all(vec![
        mutate(ada, "login", credentials),
        mutate(ada, "refresh", json!({ "refreshToken": ada.kept() })),
        mutate(ada, "register", new),
        mutate(ada, "changePassword", password),
        mutate(ada, "updateProfile", json!({ "displayName": "Ada" })),
        mutate(ada, "revokeSession", json!({ "id": root.session_id })),
        mutate(ada, "deleteAccount", json!({ "password": PASSWORD })),
        mutate(ada, "logout", json!({})),
        mutate(root, "updateUser", json!({ "id": ada.user_id, "disabled": true })),
        mutate(root, "revokeUserSessions", json!({ "userId": ada.user_id })),
        mutate(root, "deleteUser", json!({ "id": ada.user_id })),
    ])
    .await;
    answers.extend(
        spawn_all([
            ask("{ users { nodes { id } } }"),
            ask("{ user(username: \"ada\") { id } }"),
            ask("{ session { id } }"),
            ask("{ auditEvents { nodes { id } } }"),
            ask("{ me { sessions { nodes { id } } } }"),
        ])
        .await,
    );
    answers
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    answer.assert_failed("SERVICE_UNAVAILABLE");
    assert!(answer.error()["retryAfter"].as_u64().is_some_and(|seconds| seconds > 0), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_a_server_says_so_and_with_it_it_recovers() {
    let Some((app, mut proxy)) = behind_a_proxy().await else { return };
    let (root, mut ada) = (app.admin().await, app.signed_in("ada").await);
    root.me().await.assert_done();
    ada.me().await.assert_done();
    let ready = async |status| app.anonymous().get("/readyz").await.status == status;
    assert!(ready(200).await);

    proxy.cut().await;
    for answer in everything(&root, &ada).await {
        assert_unavailable(&answer);
    }
    ada.me().await.assert_done();
    let took = eventually(|| ready(503)).await;
    assert!(took < Duration::from_secs(10), "it took {took:?} to say that the server is not ready");
    assert_eq!(app.anonymous().get("/healthz").await.status, 200);

    proxy.restore().await;
    let took = eventually(|| ready(200)).await;
    assert!(took < Duration::from_secs(5), "it took {took:?} to recover");
    ada.refresh().await.assert_done();
    ada.ask("{ session { id } me { sessions { totalCount } } }").await.assert_done();
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_when_postgresql_goes_get_no_internal_error() {
    let Some((app, mut proxy)) = behind_a_proxy().await else { return };
    let clients = spawn_all((0..10).map(|number| {
        let mut client = app.anonymous();
        async move {
            client.register(&format!("user{number}"), PASSWORD).await.assert_done();
            client
        }
    }))
    .await;
    let refreshing = clients.into_iter().map(|mut client| async move {
        loop {
            let answer = client.refresh().await;
            if answer.body.get("errors").is_some() {
                assert_unavailable(&answer);
                return client;
            }
            answer.assert_done();
        }
    });
    let refreshing: JoinSet<_> = refreshing.collect();
    eventually(async || app.anonymous().get("/readyz").await.status == 200).await;
    proxy.cut().await;
    let clients = refreshing.join_all().await;
    proxy.restore().await;
    eventually(async || app.anonymous().get("/readyz").await.status == 200).await;
    for mut client in clients {
        client.refresh().await.assert_done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_while_postgresql_was_out_of_reach_is_known_afterwards() {
    let Some((app, mut proxy)) = behind_a_proxy().await else { return };
    let other = app.replica_with(|config| lead(config, proxy.target)).await;
    let ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    proxy.cut().await;
    let there = ada.clone().at(other.url("/graphql"));
    there.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    ada.me().await.assert_done();
    proxy.restore().await;
    let took = eventually(async || ada.me().await.body.get("errors").is_some()).await;
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}
