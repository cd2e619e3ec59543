//! The crate as a library: resolvers of another crate in the same schema, behind the same guards.

mod application;
mod axum_routes;
mod dependencies;
mod hooks;
mod issuer;
mod requirements;
mod resource_server;
mod transports;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_graphql::{Context, MergedObject, MergedSubscription, Object, Result, Schema, Subscription};
use futures_util::{Stream, StreamExt, stream};
use portcullis::{
    graphql::{Queued, caller, guarded},
    router::router,
    schema::{IdentityMutation, IdentityQuery, IdentitySubscription},
};
use serde_json::json;

use crate::support::{Client, Socket, TestApp};

#[derive(Default)]
struct Notes;

#[guarded]
#[Object]
impl Notes {
    /// Your note.
    #[authenticated]
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(caller(ctx).claims().map(|claims| format!("of {}", claims.username)))
    }

    #[requires_scopes("notes:read", "notes:all")]
    #[requires_scopes("notes:admin")]
    async fn notes(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(caller(ctx).user().map(|_| 7))
    }

    #[authenticated]
    async fn certain(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(caller(ctx).claims().is_some())
    }

    #[nullable]
    async fn broken(&self) -> Result<Option<i32>> {
        let number = "the secret of the house".parse::<i32>()?;
        Ok(Some(number))
    }
}

/// Fields whose bodies stand on one line compile without a warning.
#[rustfmt::skip]
#[deny(warnings, unused_braces)]
mod one_line {
    use async_graphql::{Context, Object, Result};
    use portcullis::graphql::guarded;

    #[derive(Default)]
    pub(super) struct OneLine;

    #[guarded]
    #[Object]
    impl OneLine {
        #[authenticated]
        async fn one(&self, ctx: &Context<'_>) -> Result<Option<i32>> { Ok(Some(1)) }
        #[requires_scopes("notes:read")]
        async fn two(&self, ctx: &Context<'_>) -> Result<i32> { Ok(2) }
        #[nullable]
        async fn three(&self) -> Result<Option<i32>> { Ok(None) }
        #[nullable]
        async fn four(&self) -> Result<Option<i32>> { Ok(Some("4".parse()?)) }
    }
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Notes, one_line::OneLine);

#[derive(Default)]
struct NoteEvents;

#[guarded]
#[Subscription]
impl NoteEvents {
    #[requires_scopes("notes:read")]
    async fn note_events(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = String>> {
        let of = caller(ctx).claims().map(|claims| format!("a note of {}", claims.username));
        Ok(stream::iter(of))
    }

    async fn crowded(&self) -> impl Stream<Item = Queued<Crowded>> {
        stream::once(async { Queued(Crowded) })
    }

    async fn stuck(&self) -> impl Stream<Item = Queued<Stuck>> {
        stream::once(async { Queued(Stuck) })
    }

    async fn panics(&self) -> impl Stream<Item = i32> {
        stream::iter([1, 0]).map(|number| 1 / number)
    }
}

/// Knows how many are asked for their field at once.
struct Crowded;

static CROWD: AtomicUsize = AtomicUsize::new(0);

#[Object]
impl Crowded {
    async fn by(&self) -> usize {
        let by = CROWD.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        CROWD.fetch_sub(1, Ordering::SeqCst);
        by
    }
}

struct Stuck;

#[Object]
impl Stuck {
    async fn never(&self) -> bool {
        std::future::pending().await
    }
}

#[derive(Default, MergedSubscription)]
struct Follow(IdentitySubscription, NoteEvents);

/// A client of a server with these notes.
async fn notes(app: &TestApp) -> Client {
    let schema = Schema::build(Query::default(), IdentityMutation::default(), Follow::default());
    let schema = app.app.provide(schema).finish();
    app.also_serve(router(&app.app, schema)).await
}

#[tokio::test]
async fn a_stranger_s_field_opens_to_a_caller_who_signed_in_through_the_same_schema() {
    let app = TestApp::start().await;
    let mut ada = notes(&app).await;
    let anonymous = ada.ask("{ note server { registrationOpen } }").await;
    assert_eq!(anonymous.error()["reason"], "TOKEN_MISSING");
    assert_eq!(anonymous.body["data"], json!({ "note": null, "server": { "registrationOpen": true } }));
    ada.register("ada", crate::support::PASSWORD).await.assert_done();
    assert_eq!(ada.ask("{ note me { username } }").await.at("/note"), "of ada");
}

#[tokio::test]
async fn introspection_says_what_a_stranger_s_field_requires() {
    let app = TestApp::start().await;
    let query = r#"{ __type(name: "Query") { fields { name description } } }"#;
    let answer = notes(&app).await.ask(query).await;
    let described = |name| {
        let fields = answer.at("/__type/fields").as_array().expect("fields");
        fields.iter().find(|field| field["name"] == name).expect("the field")["description"].clone()
    };
    assert_eq!(described("note"), "Your note.\nRequires sign-in.");
    assert_eq!(described("notes"), "Requires the scopes `notes:read` and `notes:all`, or `notes:admin`.");
    assert_eq!(described("broken"), json!(null));
}

#[tokio::test]
async fn one_whole_list_of_scopes_is_enough_and_parts_of_several_are_not() {
    let scopes = [
        ("half", vec!["notes:read"]),
        ("whole", vec!["notes:read", "notes:all"]),
        ("admin", vec!["notes:admin"]),
    ];
    let app = TestApp::with(|config| {
        for (role, scopes) in &scopes {
            let role_config = portcullis::config::RoleConfig::new(scopes.iter().copied());
            config.roles.insert((*role).to_owned(), role_config);
        }
    })
    .await;
    let url = notes(&app).await;
    for (role, opens) in [("half", false), ("whole", true), ("admin", true)] {
        let token = app.with_roles(role, &[role]).await.token.expect("a token");
        let answer = url.clone().bearing(&token).ask("{ notes }").await;
        if opens {
            assert_eq!(answer.at("/notes"), 7);
        } else {
            answer.assert_failed("FORBIDDEN");
            let lists = json!([["notes:read", "notes:all"], ["notes:admin"]]);
            assert_eq!(answer.error()["requiredScopes"], lists);
        }
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_null_takes_its_parent_with_it() {
    let app = TestApp::start().await;
    let answer = notes(&app).await.ask("{ certain }").await;
    answer.assert_failed("UNAUTHENTICATED");
    assert!(answer.body["data"].is_null());
}

#[tokio::test]
async fn a_fault_in_a_stranger_s_resolver_is_masked() {
    let app = TestApp::start().await;
    let answer = notes(&app).await.ask("{ broken server { registrationOpen } }").await;
    answer.assert_failed("INTERNAL_SERVER_ERROR");
    assert_eq!(answer.body["errors"][0]["message"], "Internal server error.");
    assert_eq!(answer.at("/server/registrationOpen"), true);
}

#[tokio::test]
async fn a_stranger_s_subscription_is_followed_beside_ours_and_behind_the_same_guards() {
    let app = TestApp::with(|config| {
        config.roles.insert("reader".to_owned(), portcullis::config::RoleConfig::new(["notes:read"]));
    })
    .await;
    let at_notes = notes(&app).await;
    let query = "subscription { noteEvents }";
    let ada = at_notes.clone().bearing(&app.signed_in("ada").await.token.expect("a token"));
    assert_eq!(ada.follow(query).await.next().await["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let grace = app.with_roles("grace", &["reader"]).await;
    let mut socket = Socket::open(&at_notes.bearing(grace.token.as_ref().expect("a token"))).await;
    socket.subscribe("1", query).await;
    assert_eq!(socket.next("1").await, json!({ "data": { "noteEvents": "a note of grace" } }));
    assert_eq!(socket.message().await["type"], "complete");

    socket.subscribe("ours", &app.mine(&grace).await).await;
    app.anonymous().fail_to_log_in("grace").await;
    assert_eq!(socket.next("ours").await["data"]["accountEvents"]["action"], "LOGIN_FAILED");

    socket.subscribe("2", "subscription { panics }").await;
    assert_eq!(socket.next("2").await, json!({ "data": { "panics": 1 } }));
    let errors = socket.error("2").await;
    assert_eq!(errors[0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    socket.subscribe("3", "{ __typename }").await;
    socket.next("3").await;
}

#[tokio::test]
async fn a_field_whose_body_stands_on_one_line_is_guarded() {
    let app = TestApp::start().await;
    let at_notes = notes(&app).await;
    at_notes.ask("{ one }").await.assert_unauthenticated("TOKEN_MISSING");
    let ada = at_notes.bearing(&app.signed_in("ada").await.token.expect("a token"));
    assert_eq!(
        ada.ask("{ one three four }").await.body["data"],
        json!({ "one": 1, "three": null, "four": 4 })
    );
    ada.ask("{ two }").await.assert_failed("FORBIDDEN");
}

#[tokio::test]
async fn an_account_s_followers_take_turns() {
    let app = TestApp::start().await;
    let at_notes = notes(&app).await;
    let ada = at_notes.bearing(&app.signed_in("ada").await.token.expect("a token"));
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = Socket::open(&ada).await;
        for id in 0..16 {
            socket.subscribe(&id.to_string(), "subscription { crowded { by } }").await;
        }
        sockets.push(socket);
    }
    for mut socket in sockets {
        let mut answers = 0;
        while answers < 16 {
            let message = socket.message().await;
            if message["type"] == "next" {
                assert_eq!(message["payload"], json!({ "data": { "crowded": { "by": 0 } } }));
                answers += 1;
            }
        }
    }
}

#[tokio::test]
async fn an_event_that_takes_too_long_gives_its_turn_away() {
    let app = TestApp::with(|config| config.http.request_timeout = Duration::from_secs(1)).await;
    let mut socket = Socket::open(&notes(&app).await).await;
    for id in ["1", "2"] {
        socket.subscribe(id, "subscription { stuck { never } }").await;
        let errors = socket.error(id).await;
        assert_eq!(errors[0]["extensions"]["code"], "SERVICE_UNAVAILABLE");
    }
}

#[test]
fn the_schema_shows_the_guards_of_a_stranger() {
    let schema = Schema::build(Query::default(), IdentityMutation::default(), Follow::default());
    let sdl = schema.finish().sdl();
    assert!(sdl.contains("note: String @authenticated"), "{sdl}");
    let events = r#"noteEvents: String! @requiresScopes(scopes: [["notes:read"]])"#;
    assert!(sdl.contains(events) && sdl.contains("accountEvents("), "{sdl}");
    let scopes = r#"notes: Int @requiresScopes(scopes: [["notes:read", "notes:all"], ["notes:admin"]])"#;
    assert!(sdl.contains(scopes), "{sdl}");
    assert!(sdl.contains("certain: Boolean! @authenticated"), "{sdl}");
}
