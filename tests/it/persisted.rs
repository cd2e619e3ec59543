//! Automatic persisted queries, as Apollo's clients send them: the document once, and later only its hash.

use portcullis::config::DocumentPolicy;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Socket, TestApp, persisted, sha256_hex};

const NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";

fn named(query: &str) -> Value {
    persisted(&sha256_hex(query))
}

/// Sends the hash of a document alone.
async fn by_hash(app: &TestApp, query: &str) -> Answer {
    app.anonymous().send(&json!({ "extensions": named(query) })).await
}

#[tokio::test]
async fn a_document_is_sent_once_and_then_named_by_its_hash() {
    let app = TestApp::start().await;
    let query = "query Version { server { version } }";
    let answer = by_hash(&app, query).await;
    answer.assert_failed(NOT_FOUND);
    assert_eq!(answer.body["errors"][0]["message"], "PersistedQueryNotFound", "Apollo's clients look for it");
    let both = json!({ "query": query, "extensions": named(query) });
    let sent = app.anonymous().send(&both).await;
    let named = by_hash(&app, query).await;
    assert_eq!(sent.assert_done().body, named.assert_done().body);
}

#[tokio::test]
async fn a_get_names_a_document_as_well() {
    let app = TestApp::start().await;
    let query = "{ server { version } }";
    app.anonymous().ask(query).await.assert_done();
    let path = format!("/graphql?extensions={}", urlencoding(&named(query)));
    app.anonymous().get(&path).await.assert_done();
}

#[tokio::test]
async fn a_document_is_named_in_a_socket_as_well() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let query = "subscription { accountEvents { action } }";
    let mut socket = Socket::open(&ada).await;
    let ask = |payload: Value| json!({ "type": "subscribe", "id": "1", "payload": payload });
    socket.say(&ask(json!({ "extensions": named(query) }))).await;
    assert_eq!(socket.error("1").await[0]["extensions"]["code"], NOT_FOUND);
    socket.say(&ask(json!({ "query": query, "extensions": named(query) }))).await;
    socket.say(&json!({ "type": "complete", "id": "1" })).await;
    socket.say(&ask(json!({ "extensions": named(query) }))).await;
    socket.assert_silent().await;
    app.anonymous().log_in("ada", "wrong").await;
    assert_eq!(socket.next("1").await["data"]["accountEvents"]["action"], "LOGIN_FAILED");
}

#[tokio::test]
async fn a_named_mutation_is_executed_by_post_alone() {
    let app = TestApp::start().await;
    let query = "mutation { logout { errors { code } } }";
    app.anonymous().ask(query).await;
    by_hash(&app, query).await.assert_done();
    let path = format!("/graphql?extensions={}", urlencoding(&named(query)));
    let answer = app.anonymous().get(&path).await;
    answer.assert_failed("BAD_USER_INPUT");
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn a_name_that_is_not_that_of_the_document_is_refused_and_remembers_nothing() {
    let app = TestApp::start().await;
    let (query, other) = ("{ server { version } }", "{ server { registrationOpen } }");
    let lie = json!({ "query": query, "extensions": named(other) });
    app.anonymous().send(&lie).await.assert_failed("BAD_USER_INPUT");
    by_hash(&app, query).await.assert_failed(NOT_FOUND);
    by_hash(&app, other).await.assert_failed(NOT_FOUND);
}

#[tokio::test]
async fn what_names_no_document_is_refused() {
    let app = TestApp::start().await;
    for wrong in [
        json!("hash"),
        json!([]),
        json!({}),
        json!({ "version": 1 }),
        json!({ "sha256Hash": sha256_hex("{ a }") }),
        json!({ "version": 2, "sha256Hash": sha256_hex("{ a }") }),
        json!({ "version": "1", "sha256Hash": sha256_hex("{ a }") }),
        json!({ "version": 1, "sha256Hash": 1 }),
        json!({ "version": 1, "sha256Hash": "" }),
        json!({ "version": 1, "sha256Hash": "00" }),
        json!({ "version": 1, "sha256Hash": "é".repeat(32) }),
        json!({ "version": 1, "sha256Hash": "g".repeat(64) }),
        json!({ "version": 1, "sha256Hash": "0".repeat(100_000) }),
    ] {
        let request = json!({ "extensions": { "persistedQuery": wrong } });
        app.anonymous().send(&request).await.assert_failed("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_document_that_is_none_is_not_remembered() {
    let app = TestApp::start().await;
    let large = format!("{{ {} }}", "__typename ".repeat(600));
    for (query, code) in [("{ server {", "GRAPHQL_PARSE_FAILED"), (&large, "OPERATION_LIMIT_EXCEEDED")] {
        app.anonymous().ask(query).await.assert_failed(code);
        by_hash(&app, query).await.assert_failed(NOT_FOUND);
    }
}

#[tokio::test]
async fn a_remembered_document_keeps_the_limits_of_each_request() {
    let app = TestApp::start().await;
    let query = "mutation($name: String!) { a: login(input: { username: $name, password: $name }) { expiresIn } \
                 b: login(input: { username: $name, password: $name }) { expiresIn } }";
    let request = |document: Value| {
        let mut request = document;
        request["variables"] = json!({ "name": "ada" });
        request
    };
    for document in [json!({ "query": query }), json!({ "extensions": named(query) })] {
        app.anonymous().send(&request(document)).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    }

    let pages = "query($first: Int = 1) { users(first: $first) { nodes { sessions(first: 100) { nodes { user { \
                 id } } } } } }";
    let ask = |first| json!({ "query": pages, "variables": { "first": first } });
    app.anonymous().send(&ask(2)).await.assert_unauthenticated("TOKEN_MISSING");
    app.anonymous().send(&ask(100)).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    app.anonymous().send(&ask(2)).await.assert_unauthenticated("TOKEN_MISSING");
}

#[tokio::test]
async fn a_default_of_one_request_is_not_that_of_the_next() {
    let app = TestApp::start().await;
    let query = "query($yes: Boolean = true) { server { version @include(if: $yes) __typename } }";
    let ask = |variables| json!({ "query": query, "variables": variables });
    let with = app.anonymous().send(&ask(json!({}))).await;
    let without = app.anonymous().send(&ask(json!({ "yes": false }))).await;
    let again = app.anonymous().send(&ask(json!({}))).await;
    assert!(with.assert_done().body["data"]["server"]["version"].is_string());
    assert!(without.assert_done().body["data"]["server"].get("version").is_none());
    assert_eq!(with.body, again.body);
}

#[tokio::test]
async fn whoever_names_a_document_is_asked_for_a_token_of_their_own() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let query = "{ me { username } }";
    ada.ask(query).await.assert_done();
    by_hash(&app, query).await.assert_unauthenticated("TOKEN_MISSING");
}

#[tokio::test]
async fn where_documents_are_not_kept_they_are_asked_for_in_full() {
    let app = TestApp::with(|config| config.graphql.documents = DocumentPolicy::InFull).await;
    let query = "{ server { version } }";
    let both = json!({ "query": query, "extensions": named(query) });
    app.anonymous().send(&both).await.assert_done();
    let answer = by_hash(&app, query).await;
    answer.assert_failed("PERSISTED_QUERY_NOT_SUPPORTED");
    assert_eq!(
        answer.body["errors"][0]["message"], "PersistedQueryNotSupported",
        "Apollo's clients look for it"
    );
}

/// Whoever could ask whether a text was sent could guess the password in it, and no throttle would count that.
#[tokio::test]
async fn nobody_finds_a_password_by_the_hash_of_the_mutation_in_which_it_stood() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    let values = format!("{{ username: \"ada\", password: \"{PASSWORD}\" }}");
    let block = values.replace('"', "\"\"\"");
    for document in [
        format!("mutation {{ login(input: {values}) {{ expiresIn }} }}"),
        format!("mutation {{ login(input: {block}) {{ expiresIn }} }}"),
        format!("query A {{ __typename }} mutation B {{ login(input: {values}) {{ expiresIn }} }}"),
        format!("mutation($i: LoginInput! = {values}) {{ login(input: $i) {{ expiresIn }} }}"),
        format!("mutation {{ ...F }} fragment F on Mutation {{ login(input: {values}) {{ expiresIn }} }}"),
    ] {
        let chosen = document.starts_with("query").then_some("B");
        for extensions in [json!({}), named(&document)] {
            let request = json!({ "query": document, "operationName": chosen, "extensions": extensions });
            app.anonymous().send(&request).await.assert_done();
            by_hash(&app, &document).await.assert_failed(NOT_FOUND);
        }
    }
}

/// A thousand documents of some kilobytes come to more than is remembered of all. What is asked for between them
/// stays, and each gets its answer.
#[tokio::test]
async fn who_sends_ever_new_documents_does_not_push_out_what_others_ask() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let query = "{ server { version } }";
    client.ask(query).await.assert_done();
    let junk = |number: usize| format!("{{ a{number}: __typename }} # {}", "x".repeat(30_000));
    for number in 0..1_000 {
        client.ask(&junk(number)).await.assert_done();
        if number % 5 == 0 {
            by_hash(&app, query).await.assert_done();
        }
    }
    let mut kept = 0;
    for number in 0..1_000 {
        kept += usize::from(by_hash(&app, &junk(number)).await.body.get("data").is_some());
    }
    assert!(kept < 560, "16 MiB hold fewer than 560 documents of 30 kB, and {kept} are there");
}

fn urlencoding(value: &Value) -> String {
    value.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}
