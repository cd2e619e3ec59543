//! Bodies of POST /graphql: the router with all its layers, the decoder, the limits, and an executor that has a
//! small schema. Whatever comes is answered, never with a fault, and within bounds of time and memory.

#![no_main]

use std::{net::SocketAddr, sync::LazyLock};

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use libfuzzer_sys::fuzz_target;
use portcullis::{app::App, clock::Clock, config::Config, router::router};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

struct Query;

#[Object]
impl Query {
    async fn echo(&self, text: Option<String>) -> Option<String> {
        text
    }

    async fn count(&self, ids: Vec<i32>) -> usize {
        ids.len()
    }

    async fn users(&self, first: Option<i32>) -> Vec<Query> {
        (0..first.unwrap_or(1).clamp(0, 2)).map(|_| Query).collect()
    }
}

struct Server {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::default();
    config.data_dir = folder.path().to_owned();
    let router = runtime.block_on(async {
        let app = App::open(config, Clock::system()).await.expect("the server starts");
        router(&app, Schema::new(Query, EmptyMutation, EmptySubscription))
    });
    Server { runtime, router, _folder: folder }
});

fuzz_target!(|body: &[u8]| {
    let server = &*SERVER;
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))))
        .body(Body::from(body.to_vec()))
        .expect("a request");
    server.runtime.block_on(async {
        let answer = server.router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status();
        assert!(status == StatusCode::OK || status.is_client_error(), "{status}");
        let body = to_bytes(answer.into_body(), 10_000_000).await.expect("an answer of decent size");
        serde_json::from_slice::<Value>(&body).expect("an answer in JSON");
    });
});
