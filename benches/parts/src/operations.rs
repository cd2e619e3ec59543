//! From the JSON of a request to a parsed document.

use async_graphql::Request;
use divan::{Bencher, black_box};
use portcullis::{
    config::GraphqlConfig,
    operations::{Document, DocumentStore, WireRequest},
};

use crate::server::Server;

const QUERY: &str = "query Users($first: Int) { users(first: $first) { nodes { id username email displayName roles \
    createdAt } pageInfo { hasNextPage endCursor } } }";

#[divan::bench]
fn read_json() -> WireRequest {
    let json = r#"{ "query": "query User($username: String!) { user(username: $username) { id username roles } }",
        "variables": { "username": "ada" } }"#;
    serde_json::from_str(black_box(json)).expect("it is a request")
}

#[divan::bench]
fn parse_document(bencher: Bencher<'_, '_>) {
    let limits = GraphqlConfig::default();
    bencher.bench_local(|| Document::parse(black_box(QUERY), &limits).expect("it is a document"));
}

#[divan::bench]
fn find_cached_document(bencher: Bencher<'_, '_>) {
    let server = Server::open();
    let documents: &DocumentStore = &server.app.documents;
    let request = Request::new(QUERY);
    bencher.bench_local(|| documents.find(black_box(&request)).expect("it is a document"));
}
