//! Requests that are running while their caller is disabled, demoted or signed out.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use async_graphql::{Context, EmptySubscription, Executor, MergedObject, Object, Request, Schema};
use futures_util::{StreamExt, future::join_all};
use jsonwebtoken::jwk::JwkSet;
use portcullis::{
    audit::Actor,
    changes::Change,
    client::ClientInfo,
    http::Authenticator,
    router::router,
    schema::{IdentityMutation, IdentityQuery, Roots},
    tokens::{Caller, TokenError, TokenFormat, VerificationKeys, Verifier, VerifierConfig},
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    guards::root_fields,
    support::{Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER, decode, eventually, wait_for_waiter},
};

/// A field that returns when the test lets it.
#[derive(Default)]
struct Pause;

/// The control of the requests that pause: one permit for each that has paused, and one for each that may resume.
struct PauseControl {
    paused: Semaphore,
    resumed: Semaphore,
}

#[Object]
impl Pause {
    async fn pause(&self, ctx: &Context<'_>) -> bool {
        let control = ctx.data_unchecked::<Arc<PauseControl>>();
        control.paused.add_permits(1);
        control.resumed.acquire().await.map(tokio::sync::SemaphorePermit::forget).is_ok()
    }
}

#[derive(Default, MergedObject)]
struct Mutation(IdentityMutation, Pause);

/// A server whose requests can pause.
struct Pausing {
    app: TestApp,
    client: Client,
    control: Arc<PauseControl>,
}

impl Pausing {
    async fn start() -> Self {
        let app = TestApp::with(|config| config.graphql.max_batch = 5).await;
        let control = Arc::new(PauseControl { paused: Semaphore::new(0), resumed: Semaphore::new(0) });
        let schema = Schema::build(IdentityQuery::default(), Mutation::default(), EmptySubscription);
        let schema = app.app.provide(schema).data(Arc::clone(&control)).finish();
        let client = app.also_serve(router(&app.app, schema)).await;
        Self { app, client, control }
    }

    /// Sends a request that pauses, does something meanwhile, and lets the request go on.
    async fn send(&self, caller: &Client, body: Value, meanwhile: impl AsyncFnOnce()) -> Answer {
        let client = self.client.clone().bearing(caller.token.as_ref().expect("a token"));
        let mut asking = JoinSet::from_iter([async move { client.send(&body).await }]);
        self.control.paused.acquire().await.expect("it is never closed").forget();
        meanwhile().await;
        self.control.resumed.add_permits(1);
        asking.join_next().await.expect("one request").expect("the server answers")
    }
}

/// A request that pauses and then creates an administrator.
fn create_admin(username: &str) -> Value {
    let query =
        "mutation($input: CreateUserInput!) { pause it: createUser(input: $input) { errors { code } } }";
    let input = json!({ "username": username, "password": OTHER_PASSWORD, "roles": ["admin"] });
    json!({ "query": query, "variables": { "input": input } })
}

async fn log_out(client: &Client) {
    client.ask("mutation { it: logout { errors { code } } }").await.assert_done();
}

#[tokio::test]
async fn a_field_that_begins_after_its_caller_was_revoked_is_refused() {
    let pausing = Pausing::start().await;
    let app = &pausing.app;
    let boss = app.with_roles("boss", &["admin"]).await;
    let change = async |client: &Client, change: Value| {
        let mut input = change;
        input["id"] = json!(client.user_id);
        boss.mutate("updateUser", input, "errors { code }").await.assert_done();
    };
    for way in ["disabled", "demoted", "password", "signed out", "deleted", "expired", "key revoked"] {
        let name = way.replace(' ', "-");
        let mallory = app.with_roles(&name, &["admin"]).await;
        let new = format!("{name}-2");
        let answer = pausing
            .send(&mallory, create_admin(&new), async || match way {
                "disabled" => change(&mallory, json!({ "disabled": true })).await,
                "demoted" => change(&mallory, json!({ "roles": ["user"] })).await,
                "password" => change(&mallory, json!({ "password": OTHER_PASSWORD })).await,
                "signed out" => log_out(&mallory).await,
                "deleted" => {
                    let input = json!({ "id": mallory.user_id });
                    boss.mutate("deleteUser", input, "errors { code }").await.assert_done();
                }
                "expired" => app.wait(Duration::from_hours(2)),
                _ => {
                    let (header, _) = decode(mallory.token.as_deref().expect("a token"));
                    let kid = header["kid"].as_str().expect("a kid");
                    app.app.admin.revoke_key(kid, Actor::Server).await.expect("the key is there");
                }
            })
            .await;
        let reason = if way == "expired" { "TOKEN_EXPIRED" } else { "TOKEN_REVOKED" };
        answer.assert_unauthenticated(reason);
        assert_eq!(answer.body["data"], json!({ "pause": true, "it": null }), "{way}");
        let found = app.app.accounts.find_by_username(&new).await.expect("the database answers");
        assert!(found.is_none(), "{way}");
        if way == "expired" {
            // The tokens of the boss have expired as well.
            break;
        }
    }
}

#[tokio::test]
async fn each_guarded_field_of_a_batch_checks_its_caller_again() {
    let pausing = Pausing::start().await;
    let queries = root_fields().into_iter().filter(|field| field.is_guarded() && !field.is_subscription());
    for (number, field) in queries.enumerate() {
        let caller = pausing.app.with_roles(&format!("admin{number}"), &["admin"]).await;
        let batch = json!([{ "query": "mutation { pause }" }, { "query": field.operation }]);
        let answer = pausing.send(&caller, batch, async || log_out(&caller).await).await;
        let (paused, refused) = (&answer.body[0], &answer.body[1]);
        assert_eq!(paused["data"]["pause"], true, "{}", answer.body);
        assert_eq!(refused["errors"][0]["extensions"]["reason"], "TOKEN_REVOKED", "{}", answer.body);
        assert!(refused["data"]["it"].is_null(), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_open_field_takes_a_caller_who_was_revoked_for_an_anonymous_one() {
    let pausing = Pausing::start().await;
    let ada = pausing.app.signed_in("ada").await;
    let node = "query($id: ID!) { node(id: $id) { id } }";
    let batch = json!([
        { "query": "mutation { pause }" },
        { "query": node, "variables": { "id": ada.user_id } },
        { "query": "mutation { logout { errors { code } } }" },
    ]);
    let answer = pausing.send(&ada, batch.clone(), async || ()).await;
    assert_eq!(answer.body[1]["data"]["node"]["id"], ada.user_id, "{}", answer.body);
    let ada = pausing.app.anonymous();
    let mut ada = ada;
    ada.log_in("ada", PASSWORD).await.assert_done();
    let answer = pausing.send(&ada, batch, async || log_out(&ada).await).await;
    assert!(answer.body[1]["data"]["node"].is_null(), "{}", answer.body);
    // Signing out of a session that is over is no error.
    assert_eq!(answer.body[2]["data"]["logout"]["errors"], json!([]), "{}", answer.body);
}

/// Statements that revoke an account without a change in the feed: the servers see only the rows, like a replica that
/// has not read the feed yet.
const REVOCATIONS: [(&str, &str); 3] = [
    ("demoted", "UPDATE users SET epoch = epoch + 1 WHERE username = "),
    ("disabled", "UPDATE users SET disabled = TRUE WHERE username = "),
    (
        "signed out",
        "UPDATE sessions SET revoked_at = 1 WHERE user_id = (SELECT id FROM users WHERE username = ",
    ),
];

async fn revoke(db: &impl ConnectionTrait, sql: &str, username: &str) {
    let end = if sql.contains('(') { ")" } else { "" };
    db.execute_unprepared(&format!("{sql}'{username}'{end}")).await.expect("the row is there");
}

/// Every mutation of a signed-in caller, and its input.
fn writes(own: &Client, other: &Client, number: usize) -> Vec<(&'static str, Value, &'static str)> {
    let errors = "errors { code }";
    let new = json!({ "username": format!("new{number}"), "password": OTHER_PASSWORD, "roles": ["admin"] });
    let passwords = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    vec![
        ("createUser", new, errors),
        ("updateUser", json!({ "id": other.user_id, "displayName": "Other" }), errors),
        ("updateUser", json!({ "id": other.user_id, "password": OTHER_PASSWORD }), errors),
        ("updateUser", json!({ "id": own.user_id, "email": "own@example.com" }), errors),
        ("revokeUserSessions", json!({ "userId": other.user_id }), errors),
        ("revokeSession", json!({ "id": other.session_id }), errors),
        ("revokeSession", json!({ "id": own.session_id }), errors),
        ("updateProfile", json!({ "displayName": "Own" }), errors),
        ("deleteUser", json!({ "id": other.user_id }), errors),
        ("changePassword", passwords, errors),
        ("deleteAccount", json!({ "password": PASSWORD }), errors),
    ]
}

#[tokio::test]
async fn no_write_commits_after_its_actor_was_revoked_on_another_replica() {
    let app = TestApp::start().await;
    let (root, other) = (app.admin().await, app.signed_in("other").await);
    for (number, (way, sql)) in REVOCATIONS.into_iter().enumerate() {
        let name = format!("actor{number}");
        let actor = app.with_roles(&name, &["admin"]).await;
        revoke(app.app.database.writer(), sql, &name).await;
        let before = done_by(&name, &root).await;
        for (mutation, input, selection) in writes(&actor, &other, number) {
            let answer = actor.mutate(mutation, input.clone(), selection).await;
            if way == "disabled" && ["changePassword", "deleteAccount"].contains(&mutation) {
                answer.assert_refused("ACCOUNT_DISABLED");
            } else if way == "signed out" && input["id"] == json!(actor.session_id) {
                answer.assert_refused("NOT_FOUND");
            } else {
                answer.assert_unauthenticated("TOKEN_REVOKED");
            }
        }
        let query = "mutation { it: revokeOtherSessions { errors { code } } }";
        actor.ask(query).await.assert_unauthenticated("TOKEN_REVOKED");
        assert_eq!(done_by(&name, &root).await, before, "{way}");
    }
    other.me().await.assert_done();
}

/// The events of an actor.
async fn done_by(actor: &str, root: &Client) -> Vec<Value> {
    let answer = root.ask("{ auditEvents(first: 100) { nodes { id action actor { username } } } }").await;
    let nodes = answer.assert_done().at("/auditEvents/nodes").as_array().expect("a list");
    nodes.iter().filter(|node| node["actor"]["username"] == actor).cloned().collect()
}

#[tokio::test]
async fn a_write_waits_for_the_revocation_of_its_actor_that_is_under_way() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let other = app.signed_in("other").await;
    for (number, (way, sql)) in REVOCATIONS.into_iter().enumerate() {
        let name = format!("actor{number}");
        for (step, target) in [None, Some(&other), Some(&root)].into_iter().enumerate() {
            let name = format!("{name}-{step}");
            let actor = app.with_roles(&name, &["admin"]).await;
            let transaction = app.app.database.begin().await.expect("a transaction");
            revoke(&transaction, sql, &name).await;
            let (mutation, input) = match target {
                None => (
                    "createUser",
                    json!({ "username": "late", "password": OTHER_PASSWORD, "roles": ["admin"] }),
                ),
                Some(target) => ("updateUser", json!({ "id": target.user_id, "displayName": name })),
            };
            let mut asking =
                JoinSet::from_iter([async move { actor.mutate(mutation, input, "errors { code }").await }]);
            wait_for_waiter(&app, &transaction).await;
            transaction.commit().await.expect("it commits");
            let answer = asking.join_next().await.expect("one request").expect("the server answers");
            answer.assert_unauthenticated("TOKEN_REVOKED");
            assert_eq!(answer.body["data"]["it"], Value::Null, "{way}");
        }
    }
}

#[tokio::test]
async fn nothing_commits_of_what_a_disabled_administrator_has_in_flight() {
    let app = TestApp::start().await;
    let boss = app.with_roles("boss", &["admin"]).await;
    let mallory = app.with_roles("mallory", &["admin"]).await;
    let count = async || boss.ask("{ users { totalCount } }").await.at("/users/totalCount").as_u64();
    let mut flood = JoinSet::new();
    for request in 0..20 {
        let create = |number| {
            format!(
                "a{number}: createUser(input: {{ username: \"m-{request}-{number}\", password: $password, \
                 roles: [\"admin\"] }}) {{ errors {{ code }} }}"
            )
        };
        let fields: Vec<String> = (0..10).map(create).collect();
        let query = format!("mutation($password: String!) {{ {} }}", fields.join(" "));
        let mallory = mallory.clone();
        flood.spawn(async move { mallory.ask_with(&query, json!({ "password": OTHER_PASSWORD })).await });
    }
    eventually(async || count().await > Some(2)).await;
    let disable = json!({ "id": mallory.user_id, "disabled": true });
    boss.mutate("updateUser", disable, "errors { code }").await.assert_done();
    let then = count().await;
    flood.join_all().await;
    assert_eq!(count().await, then);
}

#[tokio::test]
async fn administrators_who_change_each_other_at_once_do_not_block_each_other() {
    let app = TestApp::start().await;
    let names = ["one", "two", "three"];
    let admins = join_all(names.map(|name| app.with_roles(name, &["admin"]))).await;
    let mut changes = JoinSet::new();
    for round in 0..10 {
        for (number, admin) in admins.iter().enumerate() {
            let other = admins[(number + 1 + round % 2) % admins.len()].user_id.clone();
            let admin = admin.clone();
            changes.spawn(async move {
                let input = json!({ "id": other, "displayName": format!("{number} {round}") });
                admin.mutate("updateUser", input, USER).await
            });
        }
    }
    for answer in changes.join_all().await {
        answer.assert_done();
    }
}

#[tokio::test]
async fn a_subscription_ends_with_its_token_in_an_executor_of_ones_own() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let schema = app.app.provide(<Roots>::default().builder()).finish();
    let (authenticator, authorization) = (&app.app.authenticator, ada.authorization());
    let origin = ClientInfo { address: Ipv4Addr::LOCALHOST.into(), user_agent: None, language: None };
    let caller = authenticator.authenticate_header(&authorization).await.expect("a valid token");
    let request = Request::new(app.mine(&ada).await)
        .data(authenticator.token_check(&caller).expect("a token"))
        .data(caller)
        .data(origin);
    let mut events = Executor::execute_stream(&schema, request, None);
    app.anonymous().fail_to_log_in("ada").await;
    let event = events.next().await.expect("an event");
    assert!(event.errors.is_empty(), "{event:?}");
    log_out(&ada).await;
    let last = events.next().await.expect("an error");
    let extensions = last.errors[0].extensions.as_ref().expect("extensions");
    assert_eq!(extensions.get("reason"), Some(&"TOKEN_REVOKED".into()));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_repeated_check_sees_the_keys_the_revocations_and_the_time_as_they_are_now() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let keys: JwkSet =
        serde_json::from_value(app.anonymous().get("/.well-known/jwks.json").await.body).expect("a key set");
    let keys = VerificationKeys::from_jwks(&keys).expect("valid keys");
    let (header, _) = decode(ada.token.as_deref().expect("a token"));
    let kid = header["kid"].as_str().expect("a kid");
    let config = VerifierConfig {
        issuer: None,
        audience: "portcullis".to_owned(),
        clock_skew: Duration::from_secs(30),
        max_lifetime: Duration::from_hours(1),
        format: TokenFormat::Portcullis,
    };
    let verifier = Arc::new(Verifier::new(&config, keys.clone(), app.clock()));
    let authenticator = Authenticator::new(verifier, Arc::default());
    let caller = authenticator.authenticate_header(&ada.authorization()).await.expect("a valid token");
    let check = authenticator.token_check(&caller).expect("the caller has a token");
    let (mut expired, mut revoked) = (keys.clone(), keys.clone());
    expired.mark_expired(kid.to_owned());
    revoked.revoke(kid.to_owned());
    for (now, outcome) in [
        (VerificationKeys::default(), Err(TokenError::Invalid)),
        (expired, Err(TokenError::Expired)),
        (revoked, Err(TokenError::Revoked)),
        (keys, Ok(())),
    ] {
        authenticator.verifier.replace_keys(now);
        assert_eq!(check.check(), outcome);
    }
    let session = caller.session().expect("a session");
    authenticator
        .revocations
        .apply(&Change::SessionEnded(session), app.clock().now() + Duration::from_hours(1));
    assert_eq!(check.check(), Err(TokenError::Revoked));
    app.wait(Duration::from_hours(1));
    assert_eq!(check.check(), Err(TokenError::Expired));
    assert!(authenticator.token_check(&Caller::Anonymous(TokenError::Missing)).is_none());
}
