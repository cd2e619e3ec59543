//! The builder: routes, tasks, settings and fields of an application.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_graphql::{Context, Object, Result};
use axum::{Router, extract::State, routing::get};
use portcullis::{Caller, Config, Portcullis};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::support::{PATIENCE, TestApp};

#[derive(Clone, Default, Deserialize, Serialize)]
struct ShopConfig {
    currency: Option<String>,
}

struct Shop;

#[Object]
impl Shop {
    /// The currency of the shop.
    async fn currency(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(ctx.data::<ShopConfig>()?.currency.clone())
    }

    /// The name of the shop.
    async fn shop(&self, ctx: &Context<'_>) -> Result<String> {
        Ok((*ctx.data::<&str>()?).to_owned())
    }
}

async fn hello(caller: Caller, State(portcullis): State<Portcullis>) -> String {
    let issuer = portcullis.config().issuer();
    caller.claims().map_or("Hello".to_owned(), |claims| format!("Hello, {} of {issuer}", claims.username))
}

#[tokio::test]
async fn routes_of_an_application_know_the_caller_and_have_the_middleware_of_the_server() {
    let builder = Portcullis::builder()
        .configure(|config| config.http.hosts = vec!["127.0.0.1".to_owned()])
        .routes(Router::new().route("/hello", get(hello)));
    let app = TestApp::of(builder).await;
    let ada = app.signed_in("ada").await;
    let bearer = format!("Bearer {}", ada.token.as_deref().expect("ada has signed in"));
    let greeted = app.request("GET", "/hello", &[("authorization", &bearer)]).await;
    assert_eq!(greeted.body, "Hello, ada of https://id.example.com");
    assert_eq!(greeted.header("x-content-type-options"), "nosniff");
    assert!(!greeted.header("x-request-id").is_empty());
    let anonymous = app.request("GET", "/hello", &[]).await;
    assert_eq!(anonymous.body, "Hello");
    let foreign = app.request("GET", "/hello", &[("host", "attacker.example")]).await;
    assert_eq!(foreign.status, 421, "the Host header is checked");
    assert_eq!(app.request("GET", "/hallo", &[]).await.status, 404);
    assert_eq!(app.request("GET", "/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn values_and_settings_of_an_application_reach_its_resolvers() {
    let builder = Portcullis::builder().query(Shop).data("a corner shop").settings::<ShopConfig>("shop");
    let app = TestApp::of(builder).await;
    let answer = app.anonymous().ask("{ shop currency }").await;
    assert_eq!(answer.assert_done().at("/shop"), "a corner shop");
    assert!(answer.at("/currency").is_null());
}

#[tokio::test]
async fn a_task_runs_until_the_server_stops_and_its_panic_stops_nothing() {
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (to_start, to_drop) = (Arc::clone(&started), Arc::clone(&dropped));
    let builder = Portcullis::builder()
        .task("endless", move |_| {
            let (started, guard) = (Arc::clone(&to_start), SetOnDrop(Arc::clone(&to_drop)));
            async move {
                let _guard = guard;
                started.notify_one();
                std::future::pending::<()>().await;
            }
        })
        .task("broken", |portcullis| async move { assert!(portcullis.config().roles.is_empty()) });
    let app = TestApp::of(builder).await;
    tokio::time::timeout(PATIENCE, started.notified()).await.expect("the task starts");
    app.signed_in("ada").await.me().await.assert_done();
    assert!(!dropped.load(Ordering::SeqCst));
    app.stop().await;
    assert!(dropped.load(Ordering::SeqCst), "the task ends with the server");
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Impostor;

#[Object]
impl Impostor {
    /// A field with the name of one of ours.
    async fn me(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_field_with_the_name_of_one_of_ours_is_refused() {
    let expected = "the query field me of the application has the name of a field of Portcullis; rename it";
    let opened = Portcullis::builder().query(Impostor).config(Config::default()).open().await;
    assert_eq!(opened.expect_err("the field is ours").to_string(), expected);
    assert_eq!(
        Portcullis::builder().query(Impostor).sdl().expect_err("the field is ours").to_string(),
        expected
    );
    let error = Portcullis::builder().mutation(Impostor).sdl();
    assert!(error.is_ok(), "no mutation of ours has the name");
}

#[tokio::test]
async fn an_invalid_change_of_the_configuration_is_refused() {
    let invalid = |config: &mut Config| config.tokens.access_ttl = Duration::ZERO;
    let opened = Portcullis::builder().config(Config::default()).configure(invalid).open().await;
    let error = opened.expect_err("the lifetime is zero").to_string();
    assert!(error.starts_with("tokens.access_ttl must be"), "{error}");
    assert!(error.ends_with("(set in application)"), "{error}");
}

#[tokio::test]
async fn a_section_cannot_have_the_name_of_one_of_ours() {
    let opened = Portcullis::builder().settings::<ShopConfig>("http").open().await;
    let error = opened.expect_err("the section is ours").to_string();
    assert!(error.contains("[http] belongs to Portcullis"), "{error}");
}
