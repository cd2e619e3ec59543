//! Several servers on one database.

use std::time::{Duration, Instant};

use portcullis::{database::Transaction, id::SessionId};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{
    AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, Process, QUICK, TestApp, postgres, refresh_at_once,
};

/// How soon a server must know what another one did: told at once on PostgreSQL, read every second
/// on SQLite.
fn bound() -> Duration {
    if postgres().is_some() { Duration::from_secs(1) } else { Duration::from_millis(2500) }
}

/// Asks until the answer is as it should be, and says how long that took.
async fn noticed(client: &Client, query: &str, is_there: impl Fn(&Answer) -> bool) -> Duration {
    let began = Instant::now();
    while began.elapsed() < 4 * bound() {
        if is_there(&client.ask(query).await) {
            return began.elapsed();
        }
    }
    panic!("the other server does not notice");
}

/// Says that the other server knows in time that a client's access token is void.
async fn assert_revoked_at(other: &TestApp, client: &Client) {
    let client = client.clone().at(other.url("/graphql"));
    let took = noticed(&client, "{ me { id } }", |answer| answer.body.get("errors").is_some()).await;
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    assert!(took < bound(), "it took {took:?}");
}

/// Two servers, and Ada, whom both know.
async fn two_servers() -> (TestApp, TestApp, Client) {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    ada.clone().at(other.url("/graphql")).me().await.assert_done();
    (app, other, ada)
}

async fn update(root: &Client, user: &Client, mut change: Value) {
    change["id"] = json!(user.user_id);
    root.mutate("updateUser", change, "errors { code }").await.assert_done();
}

#[tokio::test]
async fn every_server_takes_the_tokens_of_every_other() {
    let (app, other, mut ada) = two_servers().await;
    for server in [&other, &app, &other] {
        ada = ada.at(server.url("/graphql"));
        ada.refresh().await.assert_done();
        ada.me().await.assert_done();
    }
    let keys = [&app, &other].map(TestApp::anonymous);
    assert_eq!(
        keys[0].get("/.well-known/jwks.json").await.body,
        keys[1].get("/.well-known/jwks.json").await.body
    );
}

#[tokio::test]
async fn signing_out_on_one_server_is_known_to_the_other() {
    let (_app, other, ada) = two_servers().await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_revoked_at(&other, &ada).await;
}

#[tokio::test]
async fn a_revoked_session_is_known_to_the_other_server() {
    let (app, other, ada) = two_servers().await;
    let mut elsewhere = app.anonymous();
    elsewhere.log_in("ada", PASSWORD).await.assert_done();
    let revoke = json!({ "id": ada.session_id });
    elsewhere.mutate("revokeSession", revoke, "errors { code }").await.assert_done();
    assert_revoked_at(&other, &ada).await;
    elsewhere.at(other.url("/graphql")).me().await.assert_done();
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session_on_every_server() {
    let (app, other, mut ada) = two_servers().await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(Duration::from_secs(11));
    ada.refresh_with(&used).await.assert_refused("INVALID_REFRESH_TOKEN");
    assert_revoked_at(&other, &ada).await;
}

#[tokio::test]
async fn a_disabled_account_is_known_to_the_other_server() {
    let (app, other, ada) = two_servers().await;
    update(&app.admin().await, &ada, json!({ "disabled": true })).await;
    assert_revoked_at(&other, &ada).await;
}

#[tokio::test]
async fn other_roles_are_known_to_the_other_server() {
    let (app, other, mut ada) = two_servers().await;
    update(&app.admin().await, &ada, json!({ "roles": ["admin"] })).await;
    assert_revoked_at(&other, &ada).await;
    ada = ada.at(other.url("/graphql"));
    ada.refresh().await.assert_done();
    ada.ask("{ users { totalCount } }").await.assert_done();
}

#[tokio::test]
async fn a_new_password_is_known_to_the_other_server() {
    let (_app, other, ada) = two_servers().await;
    let input = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let mut changed = ada.clone();
    let answer = ada.mutate("changePassword", input, AUTH).await;
    changed.keep(answer).assert_done();
    assert_revoked_at(&other, &ada).await;
    changed.at(other.url("/graphql")).me().await.assert_done();
}

#[tokio::test]
async fn a_deleted_account_is_known_to_the_other_server() {
    let (app, other, ada) = two_servers().await;
    let input = json!({ "id": ada.user_id });
    app.admin().await.mutate("deleteUser", input, "errors { code }").await.assert_done();
    assert_revoked_at(&other, &ada).await;
}

#[tokio::test]
async fn another_profile_is_shown_by_the_other_server() {
    let (_app, other, ada) = two_servers().await;
    let input = json!({ "displayName": "Ada Lovelace" });
    ada.mutate("updateProfile", input, "errors { code }").await.assert_done();
    let there = ada.at(other.url("/graphql"));
    let is_new = |answer: &Answer| answer.at("/me/displayName") == "Ada Lovelace";
    let took = noticed(&there, "{ me { displayName } }", is_new).await;
    assert!(took < bound(), "it took {took:?}");
}

#[tokio::test]
async fn a_server_that_starts_later_knows_what_was_revoked_before() {
    let app = TestApp::start().await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    update(&app.admin().await, &grace, json!({ "roles": [] })).await;
    let later = app.replica().await;
    for client in [ada, grace] {
        client.at(later.url("/graphql")).me().await.assert_unauthenticated("TOKEN_REVOKED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_refreshes_at_once_at_two_servers_three_get_one_successor_and_none_ends_the_session() {
    let (app, other, ada) = two_servers().await;
    let servers = [&app, &other].into_iter().cycle().take(50);
    let clients = servers.map(|server| ada.clone().at(server.url("/graphql"))).collect();
    let served = refresh_at_once(clients).await;
    let mut one = served[0].clone();
    one.refresh().await.assert_done();
    one.me().await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_start_together_on_an_empty_database_agree_on_one_key() {
    let [app, other] = TestApp::two().await;
    let keys = app.anonymous().get("/.well-known/jwks.json").await.body;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(other.anonymous().get("/.well-known/jwks.json").await.body, keys);
    let ada = app.signed_in("ada").await;
    ada.at(other.url("/graphql")).me().await.assert_done();
}

/// Writes of a session's end in a transaction that stays open, and tells nobody.
async fn end_silently(app: &TestApp, client: &Client) -> Transaction {
    let id: SessionId = client.session_id.parse().expect("an id");
    let id = match postgres() {
        Some(_) => format!("'{}'", id.uuid()),
        None => format!("X'{}'", id.uuid().simple()),
    };
    let until = app.clock().now().timestamp_millis() + 3_600_000;
    let sql = format!("INSERT INTO changes (kind, subject, at, until) VALUES ('session', {id}, 0, {until})");
    let transaction = app.app.database.begin().await.expect("a transaction");
    transaction.execute_unprepared(&sql).await.expect("the row is written");
    transaction
}

#[tokio::test]
async fn changes_that_commit_out_of_order_are_not_missed() {
    if postgres().is_none() {
        return; // SQLite has one writer: ids commit in their order.
    }
    let app = TestApp::start().await;
    let (ada, grace, edsger) =
        (app.signed_in("ada").await, app.signed_in("grace").await, app.signed_in("edsger").await);
    let first = end_silently(&app, &ada).await;
    let second = end_silently(&app, &grace).await;
    second.commit().await.expect("committed");
    let void = |answer: &Answer| answer.body.get("errors").is_some();
    noticed(&grace, "{ me { id } }", void).await;
    ada.me().await.assert_done();

    first.commit().await.expect("committed");
    let took = noticed(&ada, "{ me { id } }", void).await;
    assert!(took < Duration::from_secs(2), "nobody told of it, and it took {took:?}");
    edsger.me().await.assert_done();
}

#[tokio::test]
async fn a_change_that_nobody_told_of_is_read_all_the_same() {
    let (app, other, ada) = two_servers().await;
    end_silently(&app, &ada).await.commit().await.expect("committed");
    for server in [&app, &other] {
        let there = ada.clone().at(server.url("/graphql"));
        let void = |answer: &Answer| answer.body.get("errors").is_some();
        let took = noticed(&there, "{ me { id } }", void).await;
        assert!(took < Duration::from_millis(2500), "it took {took:?}");
    }
}

#[tokio::test]
async fn a_change_that_is_rolled_back_voids_nothing() {
    let (app, other, ada) = two_servers().await;
    let transaction = end_silently(&app, &ada).await;
    transaction.rollback().await.expect("rolled back");
    app.app.feed.catch_up().await.expect("read");
    other.app.feed.catch_up().await.expect("read");
    ada.me().await.assert_done();
    ada.at(other.url("/graphql")).me().await.assert_done();
}

#[tokio::test]
async fn replicas_that_nobody_gave_a_public_url_believe_each_other() {
    let unnamed = |port| {
        move |config: &mut portcullis::config::Config| {
            config.http.public_url = None;
            config.http.listen.set_port(port);
        }
    };
    let one = TestApp::with(unnamed(0)).await;
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let other = one.replica_with(unnamed(port)).await;
    let ada = one.signed_in("ada").await;
    ada.at(other.url("/graphql")).ask("{ me { id } }").await.assert_done();
}

/// How many rows of the feed the program has read, as its log tells.
fn rows_read(log: &str) -> u64 {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_feed = lines.filter(|line| {
        let fields = &line["fields"];
        [&fields["db.statement"], &fields["summary"]].iter().any(|text| {
            text.as_str().is_some_and(|text| text.trim().starts_with("SELECT") && text.contains("changes"))
        })
    });
    of_feed.filter_map(|line| line["fields"]["rows_returned"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_read_once_however_often_the_feed_is() {
    let telling = [("PORTCULLIS_LOG__FILTER", "info,sqlx::query=trace"), ("PORTCULLIS_LOG__FORMAT", "json")];
    let process = Process::start(&[&QUICK[..], &telling].concat()).await;
    let mut accounts = process.register(2).await;
    // An account that ends a session of its own at the end, of which both servers must know.
    let (ada, mut last) = (accounts.remove(0), accounts.remove(0));
    let changes = 150;
    for number in 0..changes {
        let input = json!({ "displayName": format!("Ada {number}") });
        ada.mutate("updateProfile", input, "errors { code }").await.assert_done();
    }
    let idle = Process::start_on(process.database().clone(), &[&QUICK[..], &telling].concat()).await;
    let at_start = rows_read(&idle.log());
    assert!((changes..=changes + 10).contains(&at_start), "{at_start} rows were read at the start");
    for number in 0..changes {
        let input = json!({ "displayName": format!("Ada {number}") });
        ada.mutate("updateProfile", input, "errors { code }").await.assert_done();
    }
    last.log_in("user1", PASSWORD).await;
    last.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    let there = last.at(format!("http://{}/graphql", idle.address()));
    noticed(&there, "{ me { id } }", |answer| answer.body.get("errors").is_some()).await;
    // A change that is committed while the feed is read may be read twice.
    let read = rows_read(&idle.log());
    assert!((2 * changes..=5 * changes).contains(&read), "{read} rows were read");
}
