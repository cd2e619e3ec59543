//! The requirements of an application's own fields: each refusal and each success, over HTTP and over a WebSocket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_graphql::{
    ComplexObject, Context, ID, MergedObject, MergedSubscription, Object, Request, Result, Schema,
    SimpleObject, Subscription,
};
use futures_util::{Stream, stream};
use portcullis::{
    config::RoleConfig,
    graphql::{ApiError, claims, guarded},
    router::router,
    schema::{IdentityMutation, IdentityQuery, IdentitySubscription},
    tokens::{Caller, Claims, TokenError},
};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::support::{Client, PASSWORD, Socket, TestApp};

const FIVE_MINUTES: Duration = Duration::from_mins(5);

/// The number of times that a test's server has looked for the owner of a draft.
#[derive(Default)]
struct Lookups(AtomicUsize);

/// Whether the caller owns a draft. There is one, and it is ada's.
async fn owns_draft(ctx: &Context<'_>, claims: &Claims, id: &ID) -> Result<bool> {
    ctx.data::<Arc<Lookups>>()?.0.fetch_add(1, Ordering::Relaxed);
    // An id that is no number is a fault of the check.
    Ok(id.parse::<u32>()? == 1 && claims.username == "ada")
}

#[derive(Default)]
struct Desk;

#[guarded]
#[Object]
impl Desk {
    /// Edits.
    #[requires_roles("editor", "chief")]
    async fn edits(&self) -> Option<&str> {
        Some("edited")
    }

    #[requires_recent_login("5m")]
    async fn purges(&self) -> Option<i32> {
        Some(7)
    }

    #[requires_recent_login("1h", acr = "phr")]
    async fn pays(&self) -> Option<i32> {
        Some(7)
    }

    #[requires_owner(owns_draft(ctx, claims, &id).await?)]
    async fn draft(&self, ctx: &Context<'_>, id: ID) -> Result<Option<String>> {
        Ok(Some(format!("{} of {}", *id, claims(ctx)?.username)))
    }

    #[requires_owner(owns_draft(ctx, claims, &id).await?)]
    #[requires_recent_login("5m")]
    #[requires_roles("editor")]
    #[requires_scopes("drafts:delete")]
    async fn delete(&self, ctx: &Context<'_>, id: ID) -> Result<Option<ID>> {
        Ok(claims(ctx).map(|_| Some(id))?)
    }

    /// The claims of the caller, without a guard.
    #[nullable]
    async fn name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(Some(claims(ctx)?.username.clone()))
    }

    async fn newsroom(&self) -> Newsroom {
        Newsroom { city: "London" }
    }
}

/// An object all of whose fields have a requirement.
#[derive(SimpleObject)]
#[graphql(complex)]
struct Newsroom {
    city: &'static str,
}

#[guarded]
#[requires_scopes("news:read")]
#[ComplexObject]
impl Newsroom {
    async fn headline(&self) -> Option<String> {
        Some(format!("News from {}", self.city))
    }

    #[requires_scopes("news:write")]
    #[requires_scopes("news:all")]
    async fn draft(&self, _: &Context<'_>) -> Result<Option<&str>, ApiError> {
        Ok(Some("tomorrow"))
    }

    #[requires_owner(claims.username == "ada")]
    async fn letter(&self) -> Option<i32> {
        self.count()
    }

    #[graphql(skip)]
    fn count(&self) -> Option<i32> {
        i32::try_from(self.city.len()).ok()
    }
}

/// Events of a test, which it sends.
type Ticks = broadcast::Sender<i32>;

fn ticks(ctx: &Context<'_>) -> impl Stream<Item = i32> + use<> {
    let receiver = ctx.data_unchecked::<Ticks>().subscribe();
    stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await.ok()?, receiver)) })
}

#[derive(Default)]
struct DeskEvents;

#[guarded]
#[Subscription]
impl DeskEvents {
    #[requires_roles("editor", "chief")]
    async fn editions(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> {
        ticks(ctx)
    }

    #[requires_recent_login("5m")]
    async fn payments(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<i32, ApiError>>> {
        Ok(futures_util::StreamExt::map(ticks(ctx), Ok))
    }

    #[requires_owner(owns_draft(ctx, claims, &id).await?)]
    async fn changes(&self, ctx: &Context<'_>, id: ID) -> Result<stream::BoxStream<'static, String>> {
        let id = id.to_string();
        Ok(Box::pin(futures_util::StreamExt::map(ticks(ctx), move |tick| format!("{id}: {tick}"))))
    }
}

#[derive(Default)]
struct NewsEvents;

#[guarded]
#[requires_scopes("news:read")]
#[Subscription]
impl NewsEvents {
    async fn news(&self) -> impl Stream<Item = i32> {
        stream::iter([1])
    }

    #[requires_roles("editor")]
    async fn corrections(&self) -> impl Stream<Item = i32> {
        stream::iter([2])
    }
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Desk);

#[derive(Default, MergedSubscription)]
struct Events(IdentitySubscription, DeskEvents, NewsEvents);

/// A server with this application, and what the tests see of it.
struct Application {
    app: TestApp,
    anonymous: Client,
    ticks: Ticks,
    lookups: Arc<Lookups>,
}

impl Application {
    async fn start() -> Self {
        let app = TestApp::with(|config| {
            for (role, scopes) in [
                ("editor", &["drafts:delete"][..]),
                ("chief", &[]),
                ("reader", &["news:read"]),
                ("author", &["news:read", "news:write"]),
                ("writer", &["news:write"]),
                ("deleter", &["drafts:delete"]),
            ] {
                config.roles.insert(role.to_owned(), RoleConfig::new(scopes.iter().copied()));
            }
        })
        .await;
        let (ticks, lookups) = (Ticks::new(16), Arc::new(Lookups::default()));
        let schema = Schema::build(Query::default(), IdentityMutation::default(), Events::default());
        let schema = app.app.provide(schema).data(ticks.clone()).data(Arc::clone(&lookups)).finish();
        let anonymous = app.also_serve(router(&app.app, schema)).await;
        Self { app, anonymous, ticks, lookups }
    }

    /// A client of this application whose account has these roles.
    async fn client(&self, username: &str, roles: &[&str]) -> Client {
        self.app.with_roles(username, roles).await.at(self.url())
    }

    fn url(&self) -> String {
        format!("http://{}/graphql", self.anonymous.address())
    }

    /// The first message about a subscription over a WebSocket; sends an event if the subscription starts.
    async fn first(&self, client: &Client, subscription: &str) -> Value {
        let mut socket = Socket::open(client).await;
        socket.subscribe("1", subscription).await;
        let message = socket.provoke(async || drop(self.ticks.send(1))).await;
        message["payload"].clone()
    }

    /// Says that a field refuses a client over HTTP, and a subscription over a WebSocket.
    async fn assert_refused(&self, client: &Client, operations: [&str; 2], extensions: &Value) {
        let [query, subscription] = operations;
        let response = client.ask(query).await;
        let received = without_request_id(response.error());
        assert_eq!(&received, extensions, "{query}");
        let data = response.body["data"].as_object().expect("only the field is null");
        assert!(data.values().all(Value::is_null), "{}", response.body);
        let payload = self.first(client, subscription).await;
        let error = without_request_id(&payload["errors"][0]["extensions"]);
        assert_eq!(&error, extensions, "{subscription}: {payload}");
        assert!(payload["data"].is_null(), "{payload}");
    }

    /// Says that a field and a subscription answer a client.
    async fn assert_answered(&self, client: &Client, operations: [&str; 2], values: [Value; 2]) {
        for (operation, value) in operations.into_iter().zip(values) {
            let body = if operation.starts_with("subscription") {
                self.first(client, operation).await
            } else {
                client.ask(operation).await.body
            };
            assert_eq!(body, json!({ "data": value }), "{operation}");
        }
    }
}

fn without_request_id(extensions: &Value) -> Value {
    let mut extensions = extensions.clone();
    extensions.as_object_mut().expect("an object").remove("requestId").expect("each error has one");
    extensions
}

fn missing_token() -> Value {
    json!({ "code": "UNAUTHENTICATED", "reason": "TOKEN_MISSING" })
}

fn old_login(max_age: u32) -> Value {
    json!({ "code": "UNAUTHENTICATED", "reason": "INSUFFICIENT_USER_AUTHENTICATION", "maxAge": max_age })
}

const NOT_OWNED: &str = "FORBIDDEN";

#[tokio::test]
async fn one_of_the_roles_suffices_and_another_does_not() {
    let app = Application::start().await;
    let operations = ["{ edits }", "subscription { editions }"];
    app.assert_refused(&app.anonymous, operations, &missing_token()).await;
    let forbidden = json!({ "code": "FORBIDDEN", "requiredRoles": ["editor", "chief"] });
    for (username, roles) in [("ada", &[][..]), ("grace", &["reader"]), ("root", &["admin"])] {
        app.assert_refused(&app.client(username, roles).await, operations, &forbidden).await;
    }
    for role in ["editor", "chief"] {
        let client = app.client(role, &["reader", role]).await;
        app.assert_answered(&client, operations, [json!({ "edits": "edited" }), json!({ "editions": 1 })])
            .await;
    }
}

#[tokio::test]
async fn a_login_is_recent_until_its_time_is_over_and_a_refresh_is_no_login() {
    let app = Application::start().await;
    let operations = ["{ purges }", "subscription { payments }"];
    app.assert_refused(&app.anonymous, operations, &missing_token()).await;
    let mut ada = app.client("ada", &[]).await;
    let answers = || [json!({ "purges": 7 }), json!({ "payments": 1 })];
    app.assert_answered(&ada, operations, answers()).await;
    app.app.wait(Duration::from_secs(270));
    app.assert_answered(&ada, operations, answers()).await;
    app.app.wait(Duration::from_secs(31));
    app.assert_refused(&ada, operations, &old_login(300)).await;
    ada.refresh().await.assert_done();
    app.assert_refused(&ada, operations, &old_login(300)).await;
    ada.log_in("ada", PASSWORD).await.assert_done();
    app.assert_answered(&ada, operations, answers()).await;
}

#[tokio::test]
async fn a_login_of_another_class_is_not_enough() {
    let app = Application::start().await;
    let ada = app.client("ada", &[]).await;
    let response = ada.ask("{ pays }").await;
    let mut expected = old_login(3600);
    expected["acrValues"] = json!(["phr"]);
    assert_eq!(without_request_id(response.error()), expected);
}

#[tokio::test]
async fn only_the_owner_gets_in_and_nobody_learns_what_exists() {
    let app = Application::start().await;
    let operations = ["{ draft(id: 1) }", "subscription { changes(id: 1) }"];
    app.assert_refused(&app.anonymous, operations, &missing_token()).await;
    assert_eq!(app.lookups.0.load(Ordering::Relaxed), 0, "nothing is looked up for an anonymous caller");
    let ada = app.client("ada", &[]).await;
    let answers = [json!({ "draft": "1 of ada" }), json!({ "changes": "1: 1" })];
    app.assert_answered(&ada, operations, answers).await;
    let grace = app.client("grace", &["admin"]).await;
    let forbidden = json!({ "code": NOT_OWNED });
    app.assert_refused(&grace, operations, &forbidden).await;
    let nothing = ["{ draft(id: 2) }", "subscription { changes(id: 2) }"];
    app.assert_refused(&grace, nothing, &forbidden).await;
    app.assert_refused(&ada, nothing, &forbidden).await;
    let text = async |query| grace.ask(query).await.body["errors"][0]["message"].clone();
    assert_eq!(text("{ draft(id: 1) }").await, text("{ draft(id: 2) }").await);
}

#[tokio::test]
async fn a_check_of_the_owner_that_fails_lets_nobody_in_and_is_masked() {
    let app = Application::start().await;
    let ada = app.client("ada", &[]).await;
    let response = ada.ask(r#"{ draft(id: "broken") purges }"#).await;
    response.assert_failed("INTERNAL_SERVER_ERROR");
    assert_eq!(response.body["errors"][0]["message"], "Internal server error.");
    assert_eq!(response.body["data"], json!({ "draft": null, "purges": 7 }));
}

#[tokio::test]
async fn requirements_are_checked_together_and_the_owner_last() {
    let app = Application::start().await;
    let delete = "{ delete(id: 1) }";
    let mut ada = app.client("ada", &["editor"]).await;
    app.app.wait(2 * FIVE_MINUTES);
    let (stranger, grace) = (app.client("linus", &[]).await, app.client("grace", &["deleter"]).await);
    app.anonymous.ask(delete).await.assert_unauthenticated("TOKEN_MISSING");
    let scope = stranger.ask(delete).await;
    assert_eq!(scope.assert_failed("FORBIDDEN").error()["requiredScopes"], json!([["drafts:delete"]]));
    let role = grace.ask(delete).await;
    assert_eq!(role.assert_failed("FORBIDDEN").error()["requiredRoles"], json!(["editor"]));
    ada.ask(delete).await.assert_unauthenticated("INSUFFICIENT_USER_AUTHENTICATION");
    assert_eq!(app.lookups.0.load(Ordering::Relaxed), 0, "the owner is not looked up before");
    ada.log_in("ada", PASSWORD).await.assert_done();
    assert_eq!(ada.ask(delete).await.assert_done().at("/delete"), "1");
    let alan = app.client("alan", &["editor"]).await;
    assert_eq!(without_request_id(alan.ask(delete).await.error()), json!({ "code": NOT_OWNED }));
}

#[tokio::test]
async fn every_field_of_a_guarded_object_has_its_requirement() {
    let app = Application::start().await;
    let all = "{ newsroom { city headline draft letter } }";
    let response = app.anonymous.ask(all).await;
    let errors = response.body["errors"].as_array().expect("errors");
    let codes: Vec<_> = errors.iter().map(|error| error["extensions"]["code"].as_str()).collect();
    assert_eq!(codes, [Some("UNAUTHENTICATED"); 3]);
    let nothing = json!({ "city": "London", "headline": null, "draft": null, "letter": null });
    assert_eq!(response.at("/newsroom"), &nothing);
    assert_eq!(app.client("linus", &["writer"]).await.ask(all).await.at("/newsroom"), &nothing);

    let reader = app.client("reader", &["reader"]).await.ask(all).await;
    let headline = json!({ "city": "London", "headline": "News from London", "draft": null, "letter": null });
    assert_eq!(reader.at("/newsroom"), &headline);
    let lists = json!([["news:read", "news:write"], ["news:read", "news:all"]]);
    let required = reader.body["errors"].as_array().into_iter().flatten();
    assert!(
        required.into_iter().any(|error| error["extensions"]["requiredScopes"] == lists),
        "{}",
        reader.body
    );
    let ada = app.client("ada", &["author"]).await.ask(all).await;
    let everything =
        json!({ "city": "London", "headline": "News from London", "draft": "tomorrow", "letter": 6 });
    assert_eq!(ada.assert_done().at("/newsroom"), &everything);
}

#[tokio::test]
async fn every_subscription_of_a_guarded_object_has_its_requirement() {
    let app = Application::start().await;
    let (news, corrections) = ("subscription { news }", "subscription { corrections }");
    let code = |payload: Value| payload["errors"][0]["extensions"]["code"].clone();
    assert_eq!(code(app.first(&app.anonymous, news).await), "UNAUTHENTICATED");
    let editor = app.client("editor", &["editor"]).await;
    assert_eq!(code(app.first(&editor, news).await), "FORBIDDEN");
    assert_eq!(code(app.first(&editor, corrections).await), "FORBIDDEN");
    let reader = app.client("reader", &["reader"]).await;
    assert_eq!(app.first(&reader, news).await, json!({ "data": { "news": 1 } }));
    assert_eq!(code(app.first(&reader, corrections).await), "FORBIDDEN");
    let both = app.client("both", &["reader", "editor"]).await;
    assert_eq!(app.first(&both, corrections).await, json!({ "data": { "corrections": 2 } }));
}

#[tokio::test]
async fn a_subscription_ends_before_the_first_event_whose_login_is_too_old() {
    let app = Application::start().await;
    let ada = app.client("ada", &[]).await;
    let mut socket = Socket::open(&ada).await;
    socket.subscribe("1", "subscription { payments }").await;
    socket.provoke(async || drop(app.ticks.send(1))).await;
    app.app.wait(FIVE_MINUTES + Duration::from_secs(1));
    let mut payload = json!(null);
    while payload.get("errors").is_none() {
        // An event that was sent while the subscription started may still arrive.
        payload = socket.provoke(async || drop(app.ticks.send(2))).await["payload"].clone();
    }
    assert_eq!(without_request_id(&payload["errors"][0]["extensions"]), old_login(300));
    assert_eq!(socket.message().await, json!({ "type": "complete", "id": "1" }));
    socket.subscribe("2", "{ __typename }").await;
    socket.next("2").await;
}

#[tokio::test]
async fn a_request_without_a_token_check_has_no_recent_login() {
    let app = Application::start().await;
    let schema = Schema::build(Desk, async_graphql::EmptyMutation, async_graphql::EmptySubscription).finish();
    let execute = async |query: &str, caller: Caller| {
        let response = schema.execute(Request::new(query).data(caller)).await;
        serde_json::to_value(&response).expect("JSON")
    };
    let token = app.app.signed_in("ada").await.authorization();
    let caller = app.app.app.authenticator.authenticate_header(&token).await.expect("a valid token");
    let named = execute("{ name }", caller.clone()).await;
    assert_eq!(named["data"], json!({ "name": "ada" }));
    let refused = execute("{ purges }", caller).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    assert_eq!(refused["data"], json!({ "purges": null }));
    let anonymous = execute("{ name purges }", Caller::Anonymous(TokenError::Missing)).await;
    assert_eq!(anonymous["data"], json!({ "name": null, "purges": null }));
    assert_eq!(anonymous["errors"][0]["extensions"]["reason"], "TOKEN_MISSING");
}

#[test]
fn the_schema_shows_all_requirements() {
    let schema = Schema::build(Query::default(), IdentityMutation::default(), Events::default());
    let sdl = schema.finish().sdl();
    for line in [
        r#"edits: String @requiresRoles(roles: ["editor", "chief"])"#,
        "purges: Int @requiresRecentLogin(maxAge: 300)",
        r#"pays: Int @requiresRecentLogin(maxAge: 3600, acr: "phr")"#,
        "draft(id: ID!): String @requiresOwner",
        r#"delete(id: ID!): ID @requiresScopes(scopes: [["drafts:delete"]]) @requiresRoles(roles: ["editor"]) @requiresRecentLogin(maxAge: 300) @requiresOwner"#,
        r#"headline: String @requiresScopes(scopes: [["news:read"]])"#,
        r#"draft: String @requiresScopes(scopes: [["news:read", "news:write"], ["news:read", "news:all"]])"#,
        r#"editions: Int! @requiresRoles(roles: ["editor", "chief"])"#,
        "payments: Int! @requiresRecentLogin(maxAge: 300)",
        "changes(id: ID!): String! @requiresOwner",
        r#"news: Int! @requiresScopes(scopes: [["news:read"]])"#,
        r#"corrections: Int! @requiresScopes(scopes: [["news:read"]]) @requiresRoles(roles: ["editor"])"#,
        "directive @requiresRoles(roles: [String!]!) on FIELD_DEFINITION",
        "directive @requiresRecentLogin(maxAge: Int!, acr: String) on FIELD_DEFINITION",
        "directive @requiresOwner on FIELD_DEFINITION",
        "Requires the role `editor` or `chief`.",
        "Requires the scope `drafts:delete`. Requires the role `editor`. Requires a login at most 5 minutes ago. \
         Requires that you own the object.",
    ] {
        assert!(sdl.contains(line), "{line}\n{sdl}");
    }
}
