//! Subscriptions: each subscriber receives each event once and in order, from whichever server it comes.

mod order;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Client, OWN_EVENTS, PASSWORD, Socket, TestApp, own_events_after, spawn_all};

/// The thing that an answer tells of.
fn event(answer: &Value) -> &Value {
    let event = answer["data"].as_object().and_then(|fields| fields.values().next());
    event.filter(|event| event.is_object()).unwrap_or_else(|| panic!("an event was expected: {answer}"))
}

fn action(answer: &Value) -> &str {
    event(answer)["action"].as_str().expect("text")
}

fn id(answer: &Value) -> String {
    event(answer)["id"].as_str().expect("text").to_owned()
}

async fn log_in(app: &TestApp, username: &str) -> Client {
    let mut client = app.anonymous();
    client.log_in(username, PASSWORD).await.assert_done();
    client
}

/// The ids of all events of an account, the oldest first, as the log has them.
async fn log_of(root: &Client, user: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = Value::Null;
    loop {
        let query = "query($user: ID!, $after: String) { \
            auditEvents(first: 100, after: $after, filter: { user: $user }) { \
            nodes { id } pageInfo { hasNextPage endCursor } } }";
        let page = root.ask_with(query, json!({ "user": user, "after": after })).await;
        let nodes = page.assert_done().at("/auditEvents/nodes").as_array().expect("a list");
        ids.extend(nodes.iter().filter_map(|node| node["id"].as_str()).map(ToOwned::to_owned));
        if page.at("/auditEvents/pageInfo/hasNextPage") == false {
            ids.reverse();
            return ids;
        }
        after = page.at("/auditEvents/pageInfo/endCursor").clone();
    }
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_to_its_owner() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    let after = app.newest_event(Some(&ada.user_id)).await;
    let fields = "action user { username } session { id }";
    let query = format!("subscription {{ accountEvents(after: \"{after}\") {{ {fields} }} }}");
    socket.subscribe("1", &query).await;
    let elsewhere = log_in(&app, "ada").await;
    app.signed_in("grace").await;
    let answer = socket.next("1").await;
    let told = json!({ "action": "LOGIN_SUCCEEDED", "user": { "username": "ada" },
        "session": { "id": elsewhere.session_id } });
    assert_eq!(*event(&answer), told);
    elsewhere.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_eq!(action(&socket.next("1").await), "LOGOUT");
    socket.assert_silent().await;
}

#[tokio::test]
async fn an_event_shows_what_it_has_changed() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.signed_in("ada").await;
    let there = ada.clone().at(other.url("/graphql"));
    there.ask("{ me { displayName } }").await.assert_done();
    let mut socket = Socket::open(&there).await;
    let after = app.newest_event(Some(&ada.user_id)).await;
    let fields = "action user { displayName }";
    let query = format!("subscription {{ accountEvents(after: \"{after}\") {{ {fields} }} }}");
    socket.subscribe("1", &query).await;
    let input = json!({ "displayName": "Ada Lovelace" });
    ada.mutate("updateProfile", input, "errors { code }").await.assert_done();
    let told = json!({ "action": "USER_UPDATED", "user": { "displayName": "Ada Lovelace" } });
    assert_eq!(*event(&socket.next("1").await), told);
}

#[tokio::test]
async fn an_administrator_hears_of_all_and_of_what_the_filter_lets_through() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let mut socket = Socket::open(&root).await;
    let filters = [
        ("all", String::new()),
        ("ada", format!("user: \"{}\"", ada.user_id)),
        ("logout", "actions: [LOGOUT]".to_owned()),
        ("past", "until: \"2026-01-01T00:00:00Z\"".to_owned()),
        ("since", "since: \"2026-01-01T00:00:00Z\", actions: [LOGIN_FAILED]".to_owned()),
    ];
    let after = app.newest_event(None).await;
    for (name, filter) in &filters {
        let arguments = format!("after: \"{after}\", filter: {{ {filter} }}");
        let query = format!("subscription {{ auditEvents({arguments}) {{ action user {{ username }} }} }}");
        socket.subscribe(name, &query).await;
    }
    app.anonymous().fail_to_log_in("nobody").await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    let mut heard = BTreeSet::new();
    for _ in 0..5 {
        let message = socket.message().await;
        let told = event(&message["payload"]);
        heard.insert(format!("{} {} {}", message["id"], told["action"], told["user"]["username"]));
    }
    let expected = [
        r#""ada" "LOGOUT" "ada""#,
        r#""all" "LOGIN_FAILED" null"#,
        r#""all" "LOGOUT" "ada""#,
        r#""logout" "LOGOUT" "ada""#,
        r#""since" "LOGIN_FAILED" null"#,
    ];
    assert_eq!(heard, expected.map(ToOwned::to_owned).into());
    socket.assert_silent().await;
}

#[tokio::test]
async fn events_cross_from_one_server_to_another() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada.clone().at(other.url("/graphql"))).await;
    socket.subscribe("1", &app.mine(&ada).await).await;
    let began = Instant::now();
    app.anonymous().fail_to_log_in("ada").await;
    assert_eq!(action(&socket.next("1").await), "LOGIN_FAILED");
    // On PostgreSQL it is told at once, but whatever else is written in the cluster is waited for.
    assert!(began.elapsed() < Duration::from_millis(2500), "it took {:?}", began.elapsed());
}

#[tokio::test]
async fn somebody_who_comes_back_hears_what_has_happened_since() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let first = log_of(&root, &ada.user_id).await.swap_remove(0);
    for _ in 0..3 {
        app.anonymous().fail_to_log_in("ada").await;
        app.signed_in(&format!("other{}", app.clock().uuid().simple())).await;
    }
    let all = log_of(&root, &ada.user_id).await;
    for server in [&app, &other] {
        let mut socket = Socket::open(&ada.clone().at(server.url("/graphql"))).await;
        socket.subscribe("1", &own_events_after(&first)).await;
        for expected in &all[1..] {
            assert_eq!(id(&socket.next("1").await), *expected);
        }
        socket.subscribe("2", &own_events_after(&all[2])).await;
        for expected in &all[3..] {
            assert_eq!(id(&socket.next("2").await), *expected);
        }
        socket.assert_silent().await;
        let everything = format!("subscription {{ auditEvents(after: \"{}\") {{ id action }} }}", all[1]);
        let mut admin = Socket::open(&root.clone().at(server.url("/graphql"))).await;
        admin.subscribe("all", &everything).await;
        let mut of_ada = Vec::new();
        while of_ada.last() != all.last() {
            of_ada.push(id(&admin.next("all").await));
            of_ada.retain(|id| all.contains(id));
        }
        assert_eq!(of_ada, all[2..]);
    }
}

#[tokio::test]
async fn nobody_follows_from_an_event_that_is_not_theirs_or_does_not_exist() {
    let app = TestApp::start().await;
    let (root, ada, grace) = (app.admin().await, app.signed_in("ada").await, app.signed_in("grace").await);
    let of_grace = log_of(&root, &grace.user_id).await.swap_remove(0);
    let mut refusals = BTreeSet::new();
    let mut socket = Socket::open(&ada).await;
    let unknown = portcullis::id::EventId::generate(&app.clock()).to_string();
    for (number, id) in [of_grace.as_str(), &unknown].into_iter().enumerate() {
        let name = number.to_string();
        socket.subscribe(&name, &own_events_after(id)).await;
        let answer = socket.next(&name).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        refusals.insert(answer["errors"][0]["message"].to_string());
        assert_eq!(socket.message().await, json!({ "type": "complete", "id": name }));
    }
    assert_eq!(refusals.len(), 1, "nobody learns which events there are: {refusals:?}");
    for id in ["x", "", ada.user_id.as_str()] {
        socket.subscribe("form", &own_events_after(id)).await;
        let answer = socket.next("form").await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        socket.message().await;
    }
    let filter = format!("filter: {{ user: \"{}\" }}", ada.user_id);
    let mut admin = Socket::open(&root).await;
    admin
        .subscribe("1", &format!("subscription {{ auditEvents({filter}, after: \"{of_grace}\") {{ id }} }}"))
        .await;
    assert_eq!(admin.next("1").await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_while_much_happens_misses_nothing_and_hears_nothing_twice() {
    const WRITERS: usize = 4;
    const EACH: usize = 40;
    let app = TestApp::start().await;
    let other = app.replica().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let mut earlier = log_of(&root, &ada.user_id).await;
    let first = earlier.pop().expect("an event");
    let writers = spawn_all((0..WRITERS).map(|number| {
        let server = if number % 2 == 0 { &app } else { &other };
        let client = server.anonymous();
        async move {
            for _ in 0..EACH {
                client.fail_to_log_in("ada").await;
            }
        }
    }));
    let listener = async {
        let mut heard = vec![first.clone()];
        for turn in 0.. {
            let server = if turn % 2 == 0 { &other } else { &app };
            let mut socket = Socket::open(&ada.clone().at(server.url("/graphql"))).await;
            socket.subscribe("1", &own_events_after(heard.last().expect("one"))).await;
            for _ in 0..=turn % 7 {
                heard.push(id(&socket.next("1").await));
                if heard.len() == WRITERS * EACH + 1 {
                    return heard;
                }
            }
        }
        heard
    };
    let (_, heard) = tokio::join!(writers, listener);
    // The log is sorted by id. Ids of the same millisecond are in no order, so a later event can be before the first one.
    let mut log = log_of(&root, &ada.user_id).await;
    log.retain(|id| !earlier.contains(id));
    let sorted = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sorted(&heard), sorted(&log));
    assert_eq!(heard.len(), sorted(&heard).len(), "none twice");
}

#[tokio::test]
async fn what_happened_before_somebody_followed_is_not_told() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let root = app.admin().await;
    for _ in 0..5 {
        app.anonymous().fail_to_log_in("ada").await;
        let before = log_of(&root, &ada.user_id).await;
        let mut socket = Socket::open(&ada).await;
        socket.subscribe("1", OWN_EVENTS).await;
        let first = socket.provoke(async || app.anonymous().fail_to_log_in("ada").await).await;
        assert!(!before.contains(&id(&first["payload"])), "{first}");
    }
}

#[tokio::test]
async fn a_subscription_has_one_field_at_its_root_in_whatever_fragment() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    for wrong in [
        "subscription { a: accountEvents { id } b: accountEvents { id } }",
        "subscription { __typename }",
        "subscription { accountEvents { id } ...More } fragment More on Subscription { accountEvents { id } }",
        "subscription { ... @include(if: true) { accountEvents { id } } }",
        "subscription { nope { id } }",
        "subscription { accountEvents }",
    ] {
        socket.subscribe("1", wrong).await;
        let errors = socket.error("1").await;
        assert_eq!(errors[0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{wrong}: {errors}");
    }
    let arguments = format!("(after: \"{}\")", app.newest_event(Some(&ada.user_id)).await);
    let right = [
        "subscription A { ... { ... on Subscription { accountEvents$ { id action } } } }",
        "subscription A { ...Mine } fragment Mine on Subscription { ...Inner } \
         fragment Inner on Subscription { accountEvents$ { ...Event } } fragment Event on AuditEvent { id action }",
        "subscription A { ...Mine } subscription B { ... { ...Mine } } \
         fragment Mine on Subscription { accountEvents$ { id action } }",
        "query B { __typename } subscription A { mine: accountEvents$ { id action } }",
    ];
    for (number, query) in right.iter().enumerate() {
        let payload = json!({ "query": query.replace('$', &arguments), "operationName": "A" });
        socket.say(&json!({ "type": "subscribe", "id": number.to_string(), "payload": payload })).await;
    }
    socket.assert_silent().await;
    app.anonymous().fail_to_log_in("ada").await;
    for _ in right {
        assert_eq!(action(&socket.message().await["payload"]), "LOGIN_FAILED");
    }
}
