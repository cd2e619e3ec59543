//! A request from the router to the response, without the network.

use divan::Bencher;
use serde_json::json;

use crate::server::Server;

#[divan::bench]
fn me(bencher: Bencher<'_, '_>) {
    let server = Server::open();
    let body = json!({ "query": "{ me { id username roles } }" });
    let response = server.execute(&body);
    assert_eq!(response["data"]["me"]["username"], "ada", "{response}");
    bencher.bench_local(|| server.execute(&body));
}
