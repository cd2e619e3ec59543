//! More concurrent requests, or larger requests, than the server accepts.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_graphql::{Context, EmptySubscription, MergedObject, Object, Schema};
use portcullis::{
    graphql::guarded,
    router::router,
    schema::{IdentityMutation, IdentityQuery},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::support::{Client, LOAD, PASSWORD, TestApp, eventually};

const LIMIT: &str = "OPERATION_LIMIT_EXCEEDED";

/// A field that answers when the test lets it.
#[derive(Default)]
struct Slow;

/// Grows when the field is asked, and then shrinks it.
struct Turnstile {
    entered: Semaphore,
    leave: Semaphore,
}

#[guarded]
#[Object]
impl Slow {
    async fn slow(&self, ctx: &Context<'_>) -> bool {
        let turnstile = ctx.data_unchecked::<Arc<Turnstile>>();
        turnstile.entered.add_permits(1);
        turnstile.leave.acquire().await.is_ok()
    }
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Slow);

/// A client of a server with that field.
async fn slow(app: &TestApp) -> (Client, Arc<Turnstile>) {
    let turnstile = Arc::new(Turnstile { entered: Semaphore::new(0), leave: Semaphore::new(0) });
    let schema = Schema::build(Query::default(), IdentityMutation::default(), EmptySubscription);
    let schema = app.app.provide(schema).data(Arc::clone(&turnstile)).finish();
    (app.also_serve(router(&app.app, schema)).await, turnstile)
}

#[tokio::test]
async fn a_request_beyond_the_most_is_told_to_come_again_at_once() {
    let app = TestApp::with(|config| config.http.max_concurrent_requests = 2).await;
    let (client, turnstile) = slow(&app).await;
    let asking = (0..2).map(|_| {
        let client = client.clone();
        async move { client.ask("{ slow }").await }
    });
    let asking: JoinSet<_> = asking.collect();
    turnstile.entered.acquire_many(2).await.expect("both are asked").forget();

    let refused = client.ask("{ __typename }").await;
    refused.assert_not_executed(503, "SERVICE_UNAVAILABLE");
    assert_eq!((refused.error()["retryAfter"].as_u64(), refused.header("retry-after")), (Some(1), "1"));
    let message = &refused.body["errors"][0]["message"];
    assert!(message.to_string().contains("http.max_concurrent_requests"), "{message}");
    assert_eq!(client.get("/healthz").await.status, 200, "only GraphQL is refused");

    turnstile.leave.add_permits(1);
    while turnstile.leave.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    turnstile.leave.add_permits(1);
    for answer in asking.join_all().await {
        assert_eq!(answer.assert_done().at("/slow"), true);
    }
    client.ask("{ __typename }").await.assert_done();
}

#[tokio::test]
async fn an_account_and_an_address_have_a_share_of_what_is_executed_at_once() {
    let app = TestApp::with(|config| {
        config.http.max_concurrent_requests_per_account = 2;
        config.http.max_concurrent_requests_per_address = 3;
    })
    .await;
    let (client, turnstile) = slow(&app).await;
    let bearing =
        async |name: &str| client.clone().bearing(&app.signed_in(name).await.token.expect("a token"));
    let (ada, bob) = (bearing("ada").await, bearing("bob").await);
    let (here, there) = ("192.0.2.1", "192.0.2.2");
    let mut asking = JoinSet::new();
    let mut ask = async |client: Client| {
        asking.spawn(async move { client.ask("{ slow }").await });
        turnstile.entered.acquire().await.expect("it is asked").forget();
    };
    let refused = async |client: Client, limit: &str| {
        let answer = client.ask("{ __typename }").await;
        answer.assert_not_executed(429, "SERVICE_UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.body["errors"][0]["message"].to_string().contains(limit), "{}", answer.body);
    };
    let (of_account, of_address) =
        ("max_concurrent_requests_per_account", "max_concurrent_requests_per_address");
    ask(ada.clone().behind(here)).await;
    ask(ada.clone().behind(there)).await;
    refused(ada.clone().behind("192.0.2.3"), of_account).await;
    bob.clone().behind(here).ask("{ __typename }").await.assert_done();
    ask(bob.clone().behind(here)).await;
    ask(client.clone().behind(here)).await;
    refused(bob.clone().behind(here), of_address).await;
    refused(client.clone().behind(here), of_address).await;
    bob.clone().behind(there).ask("{ __typename }").await.assert_done();
    // A proxy that names no client speaks for many.
    for _ in 0..4 {
        ask(client.clone()).await;
    }
    turnstile.leave.add_permits(8);
    for answer in asking.join_all().await {
        assert_eq!(answer.assert_done().at("/slow"), true);
    }
    ada.behind(here).ask("{ __typename }").await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_from_a_few_addresses_keep_nobody_else_out_of_the_queue() {
    let _alone = LOAD.lock().await;
    let app = TestApp::with(|config| {
        // A hash takes longer than all the rest of a sign-in, so the queue is where they wait.
        config.passwords.workers = NonZeroUsize::new(1);
        config.passwords.queue = 8;
        config.passwords.memory_kib = 32_768;
    })
    .await;
    let crowd = [
        ("crowd0", "192.0.2.1"),
        ("crowd1", "198.51.100.1"),
        ("crowd2", "2001:db8:0:1::1"),
        ("crowd2", "2001:db8:0:2::1"),
    ];
    for name in ["ada", "crowd0", "crowd1", "crowd2"] {
        app.signed_in(name).await;
    }
    let refused = Arc::new(AtomicUsize::new(0));
    let mut flood = JoinSet::new();
    for (name, address) in crowd.into_iter().cycle().take(48) {
        let (client, refused) = (app.anonymous().behind(address), Arc::clone(&refused));
        flood.spawn(async move {
            loop {
                let answer = client.clone().log_in(name, PASSWORD).await;
                refused.fetch_add(usize::from(answer.body.get("errors").is_some()), Ordering::Relaxed);
            }
        });
    }
    eventually(async || refused.load(Ordering::Relaxed) > 20).await;
    for number in 0..14 {
        let mut ada = app.anonymous().behind(&format!("203.0.113.{number}"));
        ada.log_in("ada", PASSWORD).await.assert_done();
    }
    flood.shutdown().await;
}

#[tokio::test]
async fn who_hangs_up_does_not_make_room_for_more_while_the_work_goes_on() {
    let app = TestApp::with(|config| config.http.max_concurrent_requests = 1).await;
    let (client, turnstile) = slow(&app).await;
    let slow = client.clone();
    let mut running = JoinSet::from_iter([async move { slow.ask("{ slow }").await }]);
    turnstile.entered.acquire().await.expect("it is asked").forget();
    running.shutdown().await;
    client.ask("{ __typename }").await.assert_not_executed(503, "SERVICE_UNAVAILABLE");
    turnstile.leave.add_permits(1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.ask("{ __typename }").await.status == 503 {
        assert!(Instant::now() < deadline, "the permit never comes back");
    }
}

#[tokio::test]
async fn a_list_in_an_argument_or_a_variable_has_a_most_of_items() {
    let app = TestApp::with(|config| config.graphql.max_list_items = 3).await;
    let root = app.admin().await;
    let by_variable = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let filtered = "query($filter: AuditEventFilter) { auditEvents(filter: $filter) { nodes { id } } }";
    let literal = |items: usize| format!("[{}]", "LOGOUT ".repeat(items));
    let events =
        |items| format!("{{ auditEvents(filter: {{ actions: {} }}) {{ nodes {{ id }} }} }}", literal(items));
    let in_fragment = |items| {
        let ids = "\"x\" ".repeat(items);
        format!("{{ ...F }} fragment F on Query {{ nodes(ids: [{ids}]) {{ id }} }}")
    };
    let by_default = |items| {
        let ids = "\"x\" ".repeat(items);
        format!("query($ids: [ID!]! = [{ids}]) {{ nodes(ids: $ids) {{ id }} }}")
    };
    let ask = async |items: usize| {
        let actions = json!({ "filter": { "actions": vec!["LOGOUT"; items] } });
        [
            root.ask_with(by_variable, json!({ "ids": vec!["x"; items] })).await,
            root.ask_with(filtered, actions).await,
            root.ask(&events(items)).await,
            root.ask(&in_fragment(items)).await,
            root.ask(&by_default(items)).await,
        ]
    };
    for answer in ask(3).await {
        answer.assert_done();
    }
    for answer in ask(4).await {
        answer.assert_not_executed(200, LIMIT);
        let message = &answer.body["errors"][0]["message"];
        assert!(message.to_string().contains("graphql.max_list_items, which is 3"), "{message}");
    }
    let unused = "{ __typename @skip(if: [1 2 3 4]) } fragment F on Query { nodes(ids: [1 2 3 4]) { id } }";
    root.ask(unused).await.assert_not_executed(200, LIMIT);
}

#[tokio::test]
async fn variables_nest_only_so_deep() {
    let app = TestApp::start().await;
    let nested = |open: &str, close: &str, depth: usize| {
        let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        format!(
            r#"{{"query":"mutation($input: LoginInput!) {{ login(input: $input) {{ expiresIn }} }}","variables":{{"input":{value}}}}}"#
        )
    };
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let answer = app.anonymous().send_raw(nested(open, close, 120)).await;
        answer.assert_failed("BAD_USER_INPUT");
        let answer = app.anonymous().send_raw(nested(open, close, 130)).await;
        answer.assert_not_executed(400, "BAD_USER_INPUT");
        assert!(
            answer.body["errors"][0]["message"].to_string().contains("recursion limit"),
            "{}",
            answer.body
        );
    }
    let names: serde_json::Map<String, Value> = (0..5_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let query = "mutation($input: LoginInput!) { login(input: $input) { expiresIn } }";
    let answer = app.anonymous().ask_with(query, json!({ "input": names })).await;
    answer.assert_not_executed(200, "BAD_USER_INPUT");
}
