//! The application as its clients see it. `TEST_DATABASE_URL` names the PostgreSQL server to use, if there is one.

use portcullis::testing::{TestServer, TestUser};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::{note::Notes, server};

async fn start() -> TestServer {
    match std::env::var_os("TEST_DATABASE_URL").filter(|url| !url.is_empty()) {
        Some(url) => TestServer::start_on_postgres(server(), url.to_str().expect("the URL is UTF-8")).await,
        None => TestServer::start(server()).await,
    }
}

async fn add(server: &TestServer, user: &TestUser, text: &str) -> Value {
    let add = "mutation ($text: String!) { addNote(input: { text: $text }) { id text } }";
    server.graphql(Some(user), add, json!({ "text": text })).await
}

#[tokio::test]
async fn users_read_and_delete_their_own_notes_only() {
    let server = start().await;
    let (ada, eve) = (server.sign_in("ada", &[]).await, server.sign_in("eve", &[]).await);
    let id = add(&server, &ada, "buy milk").await["data"]["addNote"]["id"].clone();
    let note = "query ($id: ID!) { note(id: $id) { text } }";
    let delete = "mutation ($id: ID!) { deleteNote(id: $id) }";
    let variables = json!({ "id": id });

    let of_eve = server.graphql(Some(&eve), note, variables.clone()).await;
    assert_eq!(of_eve["data"]["note"], Value::Null);
    let of_eve = server.graphql(Some(&eve), delete, variables.clone()).await;
    assert_eq!(of_eve["data"]["deleteNote"], Value::Null);
    assert_eq!(of_eve["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let of_ada = server.graphql(Some(&ada), note, variables.clone()).await;
    assert_eq!(of_ada["data"]["note"]["text"], "buy milk");
    let of_ada = server.graphql(Some(&ada), delete, variables.clone()).await;
    assert_eq!(of_ada["data"]["deleteNote"], id);
    let of_ada = server.graphql(Some(&ada), delete, variables).await;
    assert_eq!(
        of_ada["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "a note that is gone looks like another's"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_notes_of_a_user_are_paged_with_the_newest_first() {
    let server = start().await;
    let ada = server.sign_in("ada", &[]).await;
    for text in ["one", "two", "three"] {
        add(&server, &ada, text).await;
    }
    let page =
        "query ($after: String) { notes(first: 2, after: $after) { nodes { text } pageInfo { endCursor } } }";
    let first = server.graphql(Some(&ada), page, json!({})).await["data"]["notes"].clone();
    assert_eq!(first["nodes"], json!([{ "text": "three" }, { "text": "two" }]));
    let after = json!({ "after": first["pageInfo"]["endCursor"] });
    let second = server.graphql(Some(&ada), page, after).await["data"]["notes"].clone();
    assert_eq!(second["nodes"], json!([{ "text": "one" }]));
    server.stop().await;
}

#[tokio::test]
async fn a_caller_without_a_token_gets_null_and_an_error() {
    let server = start().await;
    let response = server.graphql(None, "{ notes { nodes { text } } }", json!({})).await;
    assert_eq!(response["data"]["notes"], Value::Null);
    assert_eq!(response["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    server.stop().await;
}

#[tokio::test]
async fn a_note_that_is_too_long_is_refused() {
    let server = start().await;
    let ada = server.sign_in("ada", &[]).await;
    let response = add(&server, &ada, &"x".repeat(1_001)).await;
    assert_eq!(response["data"]["addNote"], Value::Null);
    assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    server.stop().await;
}

#[tokio::test]
async fn the_notes_of_an_account_are_deleted_with_it() {
    let server = start().await;
    let ada = server.sign_in("ada", &[]).await;
    add(&server, &ada, "buy milk").await;
    let delete =
        "mutation ($password: String!) { deleteAccount(input: { password: $password }) { errors { code } } }";
    let password = json!({ "password": portcullis::testing::PASSWORD });
    let deleted = server.graphql(Some(&ada), delete, password).await;
    assert_eq!(deleted["data"]["deleteAccount"]["errors"], json!([]), "{deleted}");
    let rows = Notes::find()
        .all(server.portcullis().database().reader())
        .await
        .expect("the database query succeeds");
    assert!(rows.is_empty());
    server.stop().await;
}

#[test]
fn schema_graphql_is_the_schema_of_the_server() {
    let sdl = server().sdl().expect("no field has the name of one of Portcullis");
    assert_eq!(include_str!("../schema.graphql").trim_end(), sdl.trim_end(), "cargo run -p notes -- schema");
}
