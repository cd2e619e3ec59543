//! Trusted documents: listed in a manifest, and, with `graphql.documents = "trusted"`, the only documents that are
//! executed.

use std::path::PathBuf;

use portcullis::config::DocumentPolicy;
use serde_json::{Value, json};

use crate::support::{Socket, TestApp, persisted, sha256_hex};

const ME: &str = "query Me { me { username } }";
const SERVER: &str =
    "query Server($with: Boolean! = true) { server { version registrationOpen @include(if: $with) } }";
const OTHER: &str = "query Other { server { version } }";
const UNTRUSTED: &str = "UNTRUSTED_DOCUMENT";

/// A manifest as Apollo's tools write it.
fn apollo() -> Value {
    let operation = |name: &str, body: &str| json!({ "id": sha256_hex(body), "name": name, "type": "query", "body": body });
    json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [operation("Me", ME), operation("Server", SERVER)],
    })
}

/// A manifest as relay-compiler writes it, with MD5 hashes as ids.
fn relay() -> Value {
    json!({ "d41d8cd98f00b204e9800998ecf8427e": ME, "server": SERVER })
}

/// A server that trusts a manifest, and nothing else.
async fn strict(manifest: Value) -> TestApp {
    TestApp::with(|config| {
        config.graphql.trusted_documents = Some(write(&config.data_dir, &manifest.to_string()));
        config.graphql.documents = DocumentPolicy::Trusted;
    })
    .await
}

fn write(folder: &std::path::Path, manifest: &str) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join("manifest.json");
    std::fs::write(&path, manifest).expect("a file");
    path
}

fn named(id: &str) -> Value {
    json!({ "extensions": persisted(id) })
}

#[tokio::test]
async fn a_trusted_document_is_known_by_its_name_from_the_start() {
    for (manifest, id) in [(apollo(), sha256_hex(SERVER)), (relay(), "server".to_owned())] {
        let app = strict(manifest).await;
        let answer = app.anonymous().send(&named(&id)).await;
        assert_eq!(answer.assert_done().at("/server/registrationOpen"), true);
    }
}

#[tokio::test]
async fn a_name_may_be_a_member_of_its_own() {
    let app = strict(relay()).await;
    let hash = sha256_hex(SERVER);
    for name in ["server".to_owned(), format!("sha256:{hash}"), hash.clone()] {
        for member in ["documentId", "doc_id"] {
            app.anonymous().send(&json!({ member: name })).await.assert_done();
            app.anonymous().send(&json!({ member: name, "query": SERVER })).await.assert_done();
            let null = json!({ member: name, "extensions": { "persistedQuery": null } });
            app.anonymous().send(&null).await.assert_done();
            let path = format!("/graphql?{member}={name}&variables=%7B%22with%22:false%7D");
            let answer = app.anonymous().get(&path).await;
            assert!(answer.assert_done().at("/server/registrationOpen").is_null(), "{path}");
        }
    }
    for (request, status, code) in [
        (json!({ "documentId": "other" }), 403, UNTRUSTED),
        (json!({ "doc_id": format!("sha256:{}", sha256_hex(OTHER)) }), 403, UNTRUSTED),
        (json!({ "doc_id": "server", "query": OTHER }), 403, UNTRUSTED),
        (json!({ "doc_id": 1 }), 400, "BAD_USER_INPUT"),
        (json!({ "doc_id": "server", "documentId": "server" }), 400, "BAD_USER_INPUT"),
        (json!({ "doc_id": "server", "extensions": named("server")["extensions"] }), 400, "BAD_USER_INPUT"),
    ] {
        app.anonymous().send(&request).await.assert_not_executed(status, code);
    }
    for path in [
        "/graphql?doc_id=server&documentId=server",
        "/graphql?doc_id=server&extensions=%7B%22persistedQuery%22:%7B%22version%22:1%7D%7D",
    ] {
        app.anonymous().get(path).await.assert_not_executed(400, "BAD_USER_INPUT");
    }
    let mut socket = Socket::open(&app.anonymous()).await;
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": { "doc_id": "server" } })).await;
    let data = socket.next("1").await;
    assert_eq!(data.pointer("/data/server/registrationOpen"), Some(&json!(true)), "{data}");
}

#[tokio::test]
async fn a_trusted_document_may_be_sent_in_full_and_opens_no_guard() {
    let app = strict(apollo()).await;
    app.anonymous().ask(SERVER).await.assert_done();
    app.anonymous().send(&named(&sha256_hex(ME))).await.assert_unauthenticated("TOKEN_MISSING");
    let mut both = named(&sha256_hex(SERVER));
    both["query"] = json!(SERVER);
    app.anonymous().send(&both).await.assert_done();
}

#[tokio::test]
async fn a_trusted_document_is_known_by_its_hash_whatever_its_name_is() {
    let app = strict(relay()).await;
    app.anonymous().send(&named(&sha256_hex(SERVER))).await.assert_done();
}

#[tokio::test]
async fn nothing_else_is_executed() {
    let app = strict(relay()).await;
    let spaced = SERVER.replace(' ', "  ");
    let both = json!({ "query": OTHER, "extensions": named(&sha256_hex(OTHER))["extensions"] });
    let lie = json!({ "query": OTHER, "extensions": named("server")["extensions"] });
    for (request, code, status) in [
        (json!({ "query": OTHER }), UNTRUSTED, 403),
        (json!({ "query": spaced }), UNTRUSTED, 403),
        (json!({ "query": "{ __schema { types { name } } }" }), UNTRUSTED, 403),
        (json!({ "query": "{ __typename" }), UNTRUSTED, 403),
        (both, UNTRUSTED, 403),
        (named(&sha256_hex(OTHER)), UNTRUSTED, 403),
        (named("other"), UNTRUSTED, 403),
        (named(""), UNTRUSTED, 403),
        (lie, "BAD_USER_INPUT", 200),
    ] {
        let answer = app.anonymous().send(&request).await;
        answer.assert_failed(code);
        assert_eq!((answer.status, answer.body.get("data")), (status, None), "{request}");
    }
}

#[tokio::test]
async fn nothing_else_is_executed_through_a_socket_or_followed() {
    const OWN_EVENTS: &str = "subscription Mine { accountEvents { id } }";
    let app = strict(json!({ "mine": OWN_EVENTS, "server": SERVER })).await;
    let mut socket = Socket::open(&app.anonymous()).await;
    for other in [OTHER, "subscription { accountEvents { id action } }"] {
        socket.subscribe("1", other).await;
        assert_eq!(socket.error("1").await[0]["extensions"]["code"], UNTRUSTED, "{other}");
        let refused = app.anonymous().try_follow(other).await.err().expect("it is refused");
        refused.assert_not_executed(403, UNTRUSTED);
    }
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": named("server") })).await;
    assert_eq!(socket.next("1").await["data"]["server"]["registrationOpen"], true);
    socket.message().await;
    socket.say(&json!({ "type": "subscribe", "id": "1", "payload": named("mine") })).await;
    let extensions = socket.next("1").await["errors"][0]["extensions"].clone();
    assert_eq!(extensions["reason"], "TOKEN_MISSING", "the guard is asked");
}

#[tokio::test]
async fn one_untrusted_document_of_a_batch_fails_alone() {
    let app = TestApp::with(|config| {
        config.graphql.trusted_documents = Some(write(&config.data_dir, &relay().to_string()));
        config.graphql.documents = DocumentPolicy::Trusted;
        config.graphql.max_batch = 2;
    })
    .await;
    let answer = app.anonymous().send(&json!([{ "query": OTHER }, named("server")])).await;
    assert_eq!(answer.body[0]["errors"][0]["extensions"]["code"], UNTRUSTED);
    assert_eq!(answer.body[1]["data"]["server"]["registrationOpen"], true);
}

#[tokio::test]
async fn beside_trusted_documents_others_are_executed_where_that_is_allowed() {
    let app = TestApp::with(|config| {
        config.graphql.trusted_documents = Some(write(&config.data_dir, &relay().to_string()));
    })
    .await;
    app.anonymous().ask(OTHER).await.assert_done();
    app.anonymous().send(&named("server")).await.assert_done();
    app.anonymous().send(&named(&sha256_hex(OTHER))).await.assert_done();
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_stops_the_start_and_says_why() {
    for (manifest, why) in [
        ("{".to_owned(), "is neither an Apollo manifest"),
        ("[]".to_owned(), "is neither an Apollo manifest"),
        (r#"{"a": 1}"#.to_owned(), "expected a string"),
        (json!({ "format": "other", "version": 1, "operations": [] }).to_string(), "format is other"),
        ("{}".to_owned(), "no document"),
        (
            json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
                { "id": "a", "name": "Me", "type": "query", "body": ME },
                { "id": "a", "name": "Other", "type": "query", "body": OTHER },
            ] })
            .to_string(),
            "two of its documents have the id a",
        ),
        (json!({ "a": format!("query A {{ {} }}", "__typename ".repeat(21)) }).to_string(), "a (A): The request exceeds graphql.max_root_fields"),
        (json!({ "a": "{ users(first: 100) { nodes { sessions(first: 100) { nodes { id current } } } } }" }).to_string(), "graphql.max_complexity"),
        (
            json!({ "a": "mutation($i: LoginInput!) { a: login(input: $i) { expiresIn } b: login(input: $i) { expiresIn } }" })
                .to_string(),
            "only one field that checks a credential",
        ),
        (json!({ "a": "{ server {" }).to_string(), "the document a: Syntax error"),
        (json!({ "a": "{ __typename ".repeat(40) }).to_string(), "the document a:"),
    ] {
        let refusal = TestApp::refused(|config| {
            config.graphql.trusted_documents = Some(write(&config.data_dir, &manifest));
        })
        .await;
        assert!(refusal.contains("graphql.trusted_documents") && refusal.contains(why), "{refusal}");
    }
    let refusal = TestApp::refused(|config| {
        config.graphql.trusted_documents = Some(config.data_dir.join("nowhere.json"));
    })
    .await;
    assert!(refusal.contains("cannot read") && refusal.contains("nowhere.json"), "{refusal}");
}

#[tokio::test]
async fn trusted_documents_are_validated_before_they_are_asked_for() {
    for (document, why) in [
        ("{ nothing }", "Unknown field \"nothing\""),
        ("query($a: [Nothing] = []) { server { version } }", "Nothing"),
        ("query A { server { version } } mutation B { nothing }", "Unknown field \"nothing\""),
    ] {
        let app = TestApp::with(|config| {
            let manifest = json!({ "good": SERVER, "id": document }).to_string();
            config.graphql.trusted_documents = Some(write(&config.data_dir, &manifest));
        })
        .await;
        let fault = app.app.documents.check(&app.app.schema()).await.expect_err("it does not fit the schema");
        let fault = fault.to_string();
        assert!(fault.contains("the document id") && fault.contains(why), "{fault}");
    }
    let app = strict(apollo()).await;
    app.app.documents.check(&app.app.schema()).await.expect("both fit the schema");
}
