//! The index of a session: for life, random, and reused only when no token has it.

use std::{collections::HashSet, time::Duration};

use portcullis::{changes::Change, database::Transaction, worker::Cleanup};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Place, is_revoked, place, revoked_places};
use crate::support::{Answer, Client, PASSWORD, TestApp, decode, spawn_all, wait_for_waiter};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn execute(app: &TestApp, sql: &str) {
    app.app.database.writer().execute_unprepared(sql).await.expect("the database answers");
}

/// The number of reserved indexes.
async fn reserved(app: &TestApp) -> usize {
    let sql = "SELECT COUNT(*) AS number FROM token_statuses";
    let db = app.app.database.reader();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let number: i64 = row.expect("an answer").expect("a row").try_get("", "number").expect("a number");
    usize::try_from(number).expect("a count")
}

/// Lets time pass as it does for a server that runs: with a cleanup now and then.
async fn wait(app: &TestApp, time: Duration) {
    let cleanup = Cleanup::new((*app.app).clone());
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(HOUR);
        app.wait(step);
        left -= step;
        cleanup.run().await;
    }
}

fn number(place: &Place) -> u64 {
    let shard: u64 = place.uri.rsplit('/').next().and_then(|shard| shard.parse().ok()).expect("a shard");
    shard * (1 << 17) + place.idx
}

#[tokio::test]
async fn a_session_keeps_its_index_over_all_refreshes() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let mut ada = app.signed_in("ada").await;
    let index = place(&ada);
    for turn in 0..20 {
        wait(&app, DAY).await;
        let server = if turn % 2 == 0 { &other } else { &app };
        ada = ada.at(server.url("/graphql"));
        ada.refresh().await.assert_done();
        assert_eq!(place(&ada), index, "after {turn} days");
    }
    assert_eq!(reserved(&app).await, 1);
}

#[tokio::test]
async fn the_index_of_an_ended_session_is_reserved_until_its_tokens_have_expired() {
    let app = TestApp::with(|config| config.tokens.access_ttl = DAY).await;
    let mut ada = app.signed_in("ada").await;
    // The last token of the session is issued just before it ends.
    wait(&app, 6 * DAY).await;
    ada.refresh().await.assert_done();
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    wait(&app, 23 * HOUR).await;
    assert_eq!(reserved(&app).await, 1);
    assert!(is_revoked(&app, &place(&ada)).await);
    wait(&app, 9 * DAY).await;
    assert_eq!(reserved(&app).await, 0, "then it is free");
    assert_eq!(revoked_places(&app).await, []);
}

#[tokio::test]
async fn an_expired_session_and_a_deleted_account_keep_their_index_as_long_as_a_token() {
    let app = TestApp::with(|config| {
        config.tokens.refresh_ttl = HOUR;
        config.tokens.access_ttl = DAY;
    })
    .await;
    let _ada = app.signed_in("ada").await;
    let grace = app.signed_in("grace").await;
    wait(&app, HOUR / 2).await;
    let input = json!({ "password": PASSWORD });
    grace.mutate("deleteAccount", input, "errors { code }").await.assert_done();
    wait(&app, DAY).await;
    assert_eq!(reserved(&app).await, 2, "the row of neither session is there any more");
    wait(&app, 3 * HOUR).await;
    assert_eq!(reserved(&app).await, 0);
}

#[tokio::test]
async fn a_reused_index_is_valid() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let index = place(&ada);
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert!(is_revoked(&app, &index).await);
    wait(&app, 10 * DAY).await;
    let mut grace = app.signed_in("grace").await;
    execute(&app, &format!("UPDATE token_statuses SET idx = {}", number(&index))).await;
    grace.refresh().await.assert_done();
    assert_eq!(place(&grace), index);
    assert!(!is_revoked(&app, &index).await);
    assert!(!is_revoked(&app.replica().await, &index).await, "also for a server that starts now");
}

#[tokio::test]
async fn a_session_of_an_earlier_release_gets_an_index_at_its_next_refresh() {
    let app = TestApp::with(|config| config.tokens.status_list_ttl = Duration::ZERO).await;
    let mut ada = app.signed_in("ada").await;
    let token = ada.token.clone().expect("a token");
    assert_eq!(decode(&token).1.get("status"), None, "the claim can be switched off");
    assert_eq!(app.request("GET", "/status-lists/0", &[]).await.status, 404);
    let later = app.replica_with(|config| config.tokens.status_list_ttl = Duration::from_mins(1)).await;
    ada = ada.at(later.url("/graphql"));
    ada.me().await.assert_done();
    ada.refresh().await.assert_done();
    let index = place(&ada);
    ada.refresh().await.assert_done();
    assert_eq!(place(&ada), index);
    // The earlier release ends the session, and knows no index.
    let ada = ada.at(app.url("/graphql"));
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    super::catch_up(&later).await;
    assert!(is_revoked(&later, &index).await);
}

#[tokio::test]
async fn two_refreshes_at_once_get_one_index() {
    let app = TestApp::start().await;
    let mut clients = Vec::new();
    for name in ["ada", "grace", "edith", "mary"] {
        let client = app.signed_in(name).await;
        clients.extend([client.clone(), client]);
    }
    execute(&app, "DELETE FROM token_statuses").await;
    let refresh = |mut client: Client| async move {
        client.refresh().await.assert_done();
        client
    };
    let clients = spawn_all(clients.into_iter().map(refresh)).await;
    let places: HashSet<_> =
        clients.iter().map(|client| (client.session_id.clone(), place(client))).collect();
    assert_eq!((places.len(), reserved(&app).await), (4, 4));
}

#[tokio::test]
async fn sessions_that_are_opened_at_once_on_two_servers_have_different_indexes() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    app.signed_in("ada").await;
    let sign_in = |number: usize| {
        let mut client = if number.is_multiple_of(2) { app.anonymous() } else { other.anonymous() };
        async move {
            client.log_in("ada", PASSWORD).await.assert_done();
            client
        }
    };
    let clients: Vec<Client> = spawn_all((0..24).map(sign_in)).await;
    let places: HashSet<Place> = clients.iter().map(place).collect();
    assert_eq!(places.len(), clients.len());
    assert!(clients.iter().all(|client| number(&place(client)) < 1 << 21));
}

#[tokio::test]
async fn an_index_tells_nothing_of_the_time_of_the_sign_in() {
    let app = TestApp::with(|config| config.limits.sessions_per_account = 1000).await;
    app.signed_in("ada").await;
    let mut numbers = Vec::new();
    let mut client = app.anonymous();
    for _ in 0..100 {
        client.log_in("ada", PASSWORD).await.assert_done();
        numbers.push(number(&place(&client)));
    }
    // 100 random numbers ascend 49.5 times on average, with a standard deviation of 2.9. A tenth of a billion tests
    // leaves seven deviations.
    let ascents = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((30..=70).contains(&ascents), "{ascents}: {numbers:?}");
    // They are spread over all shards: that one of the four quarters has fewer than 3 has a chance below 10^-9.
    for quarter in 0..4 {
        let of_quarter = numbers.iter().filter(|number| **number / (1 << 19) == quarter).count();
        assert!(of_quarter >= 3, "{numbers:?}");
    }
    // Neighbours reveal nothing either.
    let near = numbers.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
    assert!(near < 5, "{numbers:?}");
}

#[tokio::test]
async fn a_larger_index_of_another_server_extends_the_lists() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    assert_eq!(app.request("GET", "/status-lists/15", &[]).await.status, 200);
    assert_eq!(app.request("GET", "/status-lists/16", &[]).await.status, 404);
    let index = (1 << 21) + 5;
    execute(&app, &format!("UPDATE token_statuses SET idx = {index}")).await;
    ada.refresh().await.assert_done();
    assert_eq!(number(&place(&ada)), index);
    assert!(!is_revoked(&app, &place(&ada)).await);
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert!(is_revoked(&app, &place(&ada)).await);
    assert_eq!(app.request("GET", "/status-lists/31", &[]).await.status, 200);
    assert_eq!(app.request("GET", "/status-lists/32", &[]).await.status, 404);
}

/// A session without an index, whose account is locked by a transaction. Its refresh is under way.
async fn refresh_that_waits(app: &TestApp) -> (Client, Transaction, JoinHandle<(Client, Answer)>) {
    let ada = app.signed_in("ada").await;
    execute(app, "DELETE FROM token_statuses").await;
    let transaction = app.app.database.begin().await.expect("a transaction");
    transaction.execute_unprepared("UPDATE users SET updated_at = updated_at").await.expect("it locks");
    let mut client = ada.clone();
    let refresh = app.app.tasks.spawn(async move {
        let answer = client.refresh().await;
        (client, answer)
    });
    wait_for_waiter(app, &transaction).await;
    (ada, transaction, refresh)
}

#[tokio::test]
async fn an_index_that_is_assigned_while_the_account_changes_is_for_the_new_tokens() {
    let app = TestApp::start().await;
    let (ada, transaction, refresh) = refresh_that_waits(&app).await;
    let user = ada.user_id.parse().expect("an id");
    transaction.execute_unprepared("UPDATE users SET epoch = 1").await.expect("it changes");
    let change = Change::TokensRevoked { user, token_version: 1 };
    app.app.feed.commit(transaction, &[change]).await.expect("it is committed");
    let (refreshed, answer) = refresh.await.expect("it ends");
    answer.assert_done();
    assert_eq!(decode(refreshed.token.as_ref().expect("a token")).1["token_version"], 1);
    assert!(!is_revoked(&app, &place(&refreshed)).await);
    refreshed.me().await.assert_done();
}

#[tokio::test]
async fn a_session_that_ends_while_an_index_is_assigned_gets_no_token() {
    let app = TestApp::start().await;
    let (ada, transaction, refresh) = refresh_that_waits(&app).await;
    let now = app.clock().now().timestamp_millis();
    let end = format!("UPDATE sessions SET revoked_at = {now}");
    transaction.execute_unprepared(&end).await.expect("it ends");
    let change = Change::SessionEnded(ada.session_id.parse().expect("an id"));
    app.app.feed.commit(transaction, &[change]).await.expect("it is committed");
    refresh.await.expect("it ends").1.assert_refused("INVALID_REFRESH_TOKEN");
    assert_eq!(reserved(&app).await, 0);
}

/// Reserves all indexes that a small installation has.
async fn reserve_all(app: &TestApp) {
    let transaction = app.app.database.begin().await.expect("a transaction");
    let values = "0, FALSE, 9000000000000";
    let statements = match transaction.get_database_backend() {
        DbBackend::Postgres => vec![
            "SET LOCAL statement_timeout = 0".to_owned(),
            format!(
                "INSERT INTO token_statuses (idx, session_id, user_id, token_version, is_released, kept_until) \
                 SELECT i, gen_random_uuid(), gen_random_uuid(), {values} FROM generate_series(0, (1 << 21) - 1) i \
                 ON CONFLICT DO NOTHING"
            ),
        ],
        _ => vec![format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < (1 << 21) - 1) \
             INSERT INTO token_statuses (idx, session_id, user_id, token_version, is_released, kept_until) \
             SELECT i, randomblob(16), randomblob(16), {values} FROM n WHERE TRUE ON CONFLICT DO NOTHING"
        )],
    };
    for statement in statements {
        transaction.execute_unprepared(&statement).await.expect("it is executed");
    }
    transaction.commit().await.expect("it is committed");
}

#[tokio::test]
async fn the_lists_grow_when_all_indexes_are_reserved() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.signed_in("ada").await;
    // Their order does not matter here, and without them the rows are inserted in seconds.
    for index in ["session_id_token_version", "user_id", "kept_until"] {
        execute(&app, &format!("DROP INDEX token_statuses_{index}")).await;
    }
    reserve_all(&app).await;
    assert_eq!(reserved(&app).await, 1 << 21);
    let grace = app.signed_in("grace").await;
    let edith = other.signed_in("edith").await;
    for client in [&grace, &edith] {
        assert!((1 << 21..1 << 22).contains(&number(&place(client))), "{:?}", place(client));
    }
    assert!(!is_revoked(&other, &place(&grace)).await, "the other server knows the new lists");
    grace.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert!(is_revoked(&app, &place(&grace)).await && !is_revoked(&app, &place(&ada)).await);
    assert_eq!(app.request("GET", "/status-lists/32", &[]).await.status, 404);
}
