//! All routes and middleware layers.

use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    Router,
    extract::{FromRef, State},
    handler::Handler,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use crate::{
    app::App,
    client::TrustedProxies,
    config::{Config, LinksConfig},
    http::{
        Dependencies, Endpoint, Health, Middleware, Origins, PAGE_FILES, Page, api_cors, discovery, graphql,
        jwks, liveness, method_not_allowed, middleware, not_found, page_file, playground, playground_asset,
        public_cors, readiness, related_origins, status_list, to_playground,
    },
    status_lists::StatusLists,
    tokens::Keyring,
};

/// The state that handlers extract.
#[derive(Clone)]
struct AppState {
    config: Arc<Config>,
    health: Arc<Health>,
    keyring: Arc<Keyring>,
    status_lists: Option<Arc<StatusLists>>,
}

impl FromRef<AppState> for Arc<Config> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.config)
    }
}

impl FromRef<AppState> for Arc<Keyring> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.keyring)
    }
}

impl FromRef<AppState> for Option<Arc<StatusLists>> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.status_lists)
    }
}

impl FromRef<AppState> for Arc<Health> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.health)
    }
}

/// The HTTP interface of the server, with the middleware. The executor is the server's own schema, or a schema that contains it. With trusted
/// documents, call [`DocumentStore::check`](crate::operations::DocumentStore::check) first to validate them against the schema.
///
/// The routes contain the path of `http.public_url`, so merge this router into another one. Do not nest it.
pub fn router<E: Executor>(app: &App, executor: E) -> Router {
    finish(app, routes(app, executor))
}

/// The routes of the server, without the middleware.
pub(crate) fn routes<E: Executor>(app: &App, executor: E) -> Router {
    let endpoint = Arc::new(Endpoint {
        executor,
        authenticator: app.authenticator.clone(),
        proxies: TrustedProxies(app.config.http.trusted_proxies.clone()),
        origins: Origins::new(&app.config.http),
        http: app.config.http.clone(),
        max_batch: app.config.graphql.max_batch,
        documents: Arc::clone(&app.documents),
        body_bytes: Arc::default(),
        running_requests: Arc::default(),
        tasks: app.tasks.clone(),
        streams: Arc::clone(&app.streams),
    });
    let dependencies = Dependencies {
        database: app.database.clone(),
        feed: Arc::clone(&app.feed),
        keyring: Arc::clone(&app.keyring),
    };
    let state = AppState {
        config: Arc::clone(&app.config),
        health: Arc::new(Health::new(dependencies, app.tasks.clone())),
        keyring: Arc::clone(&app.keyring),
        status_lists: app.status_lists.clone(),
    };
    let base = app.config.http.base_path();
    // Each router with a CORS layer has its own fallback for unknown methods, because a preflight is such a method.
    let mut api = Router::new()
        .route(&format!("{base}/graphql"), post(graphql::<E>).get(graphql::<E>).with_state(endpoint))
        .method_not_allowed_fallback(method_not_allowed);
    if !app.config.http.cors_origins.is_empty() {
        api = api.layer(api_cors(&app.config.http));
    }
    let mut routes = Router::new().merge(public_documents(base)).merge(api).merge(probe_routes(base));
    routes = routes.merge(account_routes(base, &app.config.accounts.links));
    if app.config.graphql.playground {
        routes = routes.merge(playground_routes(base));
    }
    routes.with_state(state)
}

/// Adds the fallbacks and the middleware.
pub(crate) fn finish(app: &App, routes: Router) -> Router {
    let state = Arc::new(Middleware::new(&app.config.http, app.clock.clone()));
    routes
        .fallback_service(not_found.with_state(Arc::clone(&app.config)))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state, middleware))
}

/// The routes of the public documents. With a base path, the discovery documents are at the root as well, where RFC 8414
/// §3.1 and §5 tell clients to look for them.
fn public_documents(base: &str) -> Router<AppState> {
    let mut routes = Router::new()
        .route(&format!("{base}/.well-known/jwks.json"), get(jwks))
        .route(&format!("{base}/status-lists/{{shard}}"), get(status_list));
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        routes = routes.route(&format!("{base}{path}"), get(discovery));
        if !base.is_empty() {
            routes = routes.route(&format!("{path}{base}"), get(discovery));
        }
    }
    // Browsers read it at the root of the RP ID's host (WebAuthn Level 3 §5.11).
    routes = routes.route("/.well-known/webauthn", get(related_origins));
    if !base.is_empty() {
        routes = routes.route(&format!("{base}/.well-known/webauthn"), get(related_origins));
    }
    routes.method_not_allowed_fallback(method_not_allowed).layer(public_cors())
}

/// The routes of the health probes: below the base path, and always at the root, because orchestrators do not know it.
fn probe_routes(base: &str) -> Router<AppState> {
    let at = |base: &str| {
        Router::new()
            .route(&format!("{base}/healthz"), get(liveness))
            .route(&format!("{base}/readyz"), get(readiness))
    };
    if base.is_empty() { at("") } else { at("").merge(at(base)) }
}

/// The routes of the GraphiQL page and its files.
fn playground_routes(base: &str) -> Router<AppState> {
    let routes = Router::new()
        .route(&format!("{base}/"), get(playground))
        .route(&format!("{base}/playground.js"), get(playground_asset))
        .route(&format!("{base}/playground.css"), get(playground_asset));
    if base.is_empty() { routes } else { routes.route(base, get(to_playground)) }
}

/// The routes of the pages behind the links in messages, and of their files. A page is absent if its links lead to a page
/// of an application.
fn account_routes(base: &str, links: &LinksConfig) -> Router<AppState> {
    let mut routes = Router::new();
    for file in PAGE_FILES {
        routes = routes.route(&format!("{base}/account/{file}"), get(page_file));
    }
    for page in Page::ALL.into_iter().filter(|page| page.is_served(links)) {
        let handler = move |State(config): State<Arc<Config>>| async move { page.response(&config) };
        routes = routes.route(&format!("{base}/account/{}", page.name()), get(handler));
    }
    routes
}
