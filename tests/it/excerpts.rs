//! Error messages quote an excerpt of the input, even if the input is long.

use serde_json::{Value, json};

use crate::support::{Answer, Process, TestApp, USER};

/// The longest message that an error has, in bytes.
const LONGEST: usize = 1100;

/// Says that a long input came back in excerpts, if at all.
fn assert_short(answer: &Answer, what: &str) {
    let text = answer.body.to_string();
    let start: String = text.chars().take(300).collect();
    assert!(text.len() < 4 * LONGEST, "{what}: {} bytes: {start}", text.len());
    let errors = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for error in errors {
        let message = error["message"].as_str().expect("a message");
        assert!(message.len() <= LONGEST && !message.contains(&"x".repeat(200)), "{what}: {message}");
    }
}

#[tokio::test]
async fn a_long_name_comes_back_in_an_excerpt() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for length in [500, 1024, 1025, 200_000] {
        let name = "x".repeat(length);
        for document in [
            format!("{{ {name} }}"),
            format!("{{ {name}: me {{ {name} }} }}"),
            format!("{{ {name}: user(username: 1) {{ id }} }}"),
            format!("{{ ...{name} }}"),
            format!("{{ ... on {name} {{ id }} }}"),
            format!("{{ __typename @{name} }}"),
            format!("{{ user(username: \"a\", {name}: 1) {{ id }} }}"),
            format!("{{ user(username: ${name}) {{ id }} }}"),
            format!("{{ users(orderBy: {name}) {{ totalCount }} }}"),
            format!("{{ users(filter: {{ {name}: 1 }}) {{ totalCount }} }}"),
            format!("{{ users(after: \"{name}\") {{ totalCount }} }}"),
            format!("{{ node(id: \"{name}\") {{ id }} }}"),
            format!("query(${name}: Int!) {{ __typename }}"),
            format!("query(${name}: Int) {{ __typename }}"),
            format!("query($a: {name}) {{ __typename }}"),
            format!("query {name} {{ __typename }} query {name} {{ __typename }}"),
            format!("{name} {{ __typename }}"),
        ] {
            let start: String = document.chars().take(60).collect();
            assert_short(&root.ask(&document).await, &format!("{start} ({length})"));
        }
    }
    let field = root.ask(&format!("{{ {} }}", "x".repeat(1000))).await;
    field.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    let message = field.body["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("xxx…xxx") && message.contains("on type \"Query\""), "{message}");
}

#[tokio::test]
async fn long_values_come_back_in_excerpts() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let login = "mutation($input: LoginInput!) { login(input: $input) { errors { code message } } }";
    let log_in = |input: Value| json!({ "query": login, "variables": { "input": input } });
    for text in ["x".repeat(100_000), "😀".repeat(25_000), "x ".repeat(50_000), "x\u{301}".repeat(30_000)] {
        let mut unknown = json!({ "username": "a", "password": "b" });
        unknown[&text] = json!(1);
        for request in [
            json!({ "query": "{ __typename }", "operationName": text }),
            json!({ "query": "query($a: Int!) { __typename }", "variables": { text.as_str(): 1 } }),
            json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": text } } }),
            json!({ "documentId": text }),
            log_in(json!({ "username": "a", "password": "b", "delivery": text })),
            log_in(unknown),
            log_in(json!({ "username": { "x": text }, "password": "b" })),
            log_in(json!({ "username": text, "password": "b" })),
        ] {
            let start: String = request.to_string().chars().take(100).collect();
            assert_short(&root.send(&request).await, &start);
        }
        for input in [
            json!({ "username": "bob", "password": "correct horse battery", "roles": [text] }),
            json!({ "username": text, "password": "correct horse battery" }),
            json!({ "username": "bob", "password": "correct horse battery", "email": text }),
        ] {
            assert_short(&root.mutate("createUser", input, USER).await, "createUser");
        }
        let update = json!({ "id": text, "roles": ["user"] });
        assert_short(&root.mutate("updateUser", update, USER).await, "updateUser");
    }
    let method = app.request(&"X".repeat(2000), "/graphql", &[]).await;
    method.assert_not_executed(405, "BAD_USER_INPUT");
    assert_short(&method, "a method");
}

#[tokio::test]
async fn a_long_path_or_method_is_logged_in_an_excerpt() {
    let process = Process::start(&[("PORTCULLIS_LOG__FILTER", "portcullis=debug")]).await;
    let http = reqwest::Client::new();
    let path = format!("http://{}/{}", process.address(), "x".repeat(30_000));
    assert_eq!(http.get(path).send().await.expect("an answer").status(), 404);
    let method = "X".repeat(2000).parse().expect("a method");
    let url = format!("http://{}/graphql", process.address());
    assert_eq!(http.request(method, url).send().await.expect("an answer").status(), 405);
    let log = process.log();
    assert!(log.contains("xxx…xxx") && log.contains("XXX…XXX"), "{log}");
    assert!(log.lines().all(|line| line.len() < 1000));
}

#[tokio::test]
async fn many_mistakes_come_back_in_bounds() {
    let app = TestApp::start().await;
    let name = "x".repeat(1000);
    let fields: Vec<_> = (0..240).map(|number| format!("{name}{number:03}")).collect();
    let answer = app.anonymous().ask(&format!("{{ me {{ {} }} }}", fields.join(" "))).await;
    let errors = answer.body["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 100);
    assert!(answer.body.to_string().len() < 100 * 400, "{}", answer.body.to_string().len());
    let operations: Vec<_> = (0..150).map(|number| format!("query Q{number} {{ ...F }}")).collect();
    let fragment = format!("fragment F on Query {{ user(username: ${name}) {{ id }} }}");
    let document = format!("{} {fragment}", operations.join(" "));
    let answer = app.anonymous().send(&json!({ "query": document, "operationName": "Q0" })).await;
    answer.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    assert!(answer.body.to_string().len() < 100 * 500, "{}", answer.body.to_string().len());
}
