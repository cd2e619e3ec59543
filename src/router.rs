//! Every route and layer.

use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    Router,
    extract::FromRef,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use crate::{
    app::App,
    clock::Clock,
    config::Config,
    http::{
        Dependencies, Endpoint, Health, Hosts, IsBehindTls, Origins, Proxies, alive, any_origin, check_host,
        discovery, graphql, harden, jwks, listed_origins, method_not_allowed, not_found, playground,
        playground_asset, ready, trace,
    },
    schema::ROOT_FIELDS,
    tokens::Keyring,
};

/// What the handlers read.
#[derive(Clone)]
struct State {
    config: Arc<Config>,
    health: Arc<Health>,
    keyring: Arc<Keyring>,
}

impl FromRef<State> for Arc<Config> {
    fn from_ref(state: &State) -> Self {
        Self::clone(&state.config)
    }
}

impl FromRef<State> for Arc<Keyring> {
    fn from_ref(state: &State) -> Self {
        Self::clone(&state.keyring)
    }
}

impl FromRef<State> for Arc<Health> {
    fn from_ref(state: &State) -> Self {
        Self::clone(&state.health)
    }
}

/// The service over HTTP. The executor is the server's own schema, or one that has it among its parts. Where documents
/// are trusted, [`Documents::check`](crate::graphql::Documents::check) says whether all of them fit it.
pub fn router<E: Executor>(app: &App, executor: E) -> Router {
    let endpoint = Arc::new(Endpoint {
        executor,
        gate: app.gate.clone(),
        proxies: Proxies(app.config.http.trusted_proxies.clone()),
        origins: Origins::new(&app.config.http),
        http: app.config.http.clone(),
        graphql: app.config.graphql.clone(),
        documents: Arc::clone(&app.documents),
        fields: ROOT_FIELDS,
        buffered: Arc::default(),
        at_work: Arc::default(),
        tasks: app.tasks.clone(),
        streams: Arc::clone(&app.streams),
    });
    let dependencies = Dependencies {
        database: app.database.clone(),
        feed: Arc::clone(&app.feed),
        keyring: Arc::clone(&app.keyring),
    };
    let state = State {
        config: Arc::clone(&app.config),
        health: Arc::new(Health::new(dependencies, app.tasks.clone())),
        keyring: Arc::clone(&app.keyring),
    };
    // Each part with CORS answers unknown methods itself, for a preflight is one.
    let known = Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/oauth-authorization-server", get(discovery))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(any_origin());
    let mut api = Router::new()
        .route("/graphql", post(graphql::<E>).get(graphql::<E>).with_state(endpoint))
        .method_not_allowed_fallback(method_not_allowed);
    if !app.config.http.cors_origins.is_empty() {
        api = api.layer(listed_origins(&app.config.http));
    }
    let mut routes = Router::new()
        .merge(known)
        .merge(api)
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(state);
    if app.config.graphql.playground {
        routes = routes
            .route("/", get(playground))
            .route("/playground.js", get(playground_asset))
            .route("/playground.css", get(playground_asset));
    }
    let hosts = Arc::new(Hosts::new(&app.config.http));
    let is_behind_tls = IsBehindTls(app.config.http.is_behind_tls());
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state::<_, Arc<Hosts>, _>(hosts, check_host))
        .layer(from_fn_with_state::<_, Clock, _>(app.clock.clone(), trace))
        .layer(from_fn_with_state(is_behind_tls, harden))
}
