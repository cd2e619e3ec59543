//! Documents whose execution would cost too much: each is rejected quickly by the limit that it exceeds, and the server
//! stays available.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApp};

/// How long a refusal may take, in a build for debugging on a machine that has other things to do.
const A_MOMENT: Duration = Duration::from_secs(3);

const LIMIT: &str = "OPERATION_LIMIT_EXCEEDED";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const SYNTAX: &str = "GRAPHQL_PARSE_FAILED";

/// Sends a request, and says that it was refused within a moment and did no harm.
async fn assert_refused(app: &TestApp, name: &str, body: &Value, code: &str) -> Answer {
    let started = Instant::now();
    let answer = app.anonymous().send(body).await;
    let took = started.elapsed();
    let start: String = answer.body.to_string().chars().take(300).collect();
    let given = &answer.body["errors"][0]["extensions"]["code"];
    assert_eq!((given, answer.body.get("data")), (&json!(code), None), "{name}: {start}");
    assert!(took < A_MOMENT, "{name} took {took:?}");
    app.anonymous().ask("{ server { version } }").await.assert_done();
    answer
}

fn nested(open: &str, inside: &str, close: &str, times: usize) -> String {
    format!("{}{inside}{}", open.repeat(times), close.repeat(times))
}

/// Fragments that each spread the next one twice.
fn exponential(count: usize) -> String {
    let fragment = |number: usize| {
        let next = number + 1;
        format!("fragment F{number} on Query {{ ...F{next} ...F{next} }}")
    };
    let fragments: Vec<String> = (0..count).map(fragment).collect();
    format!("{} fragment F{count} on Query {{ __typename }}", fragments.join(" "))
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_document_over_a_limit_is_told_which() {
    let app = TestApp::with(|config| config.graphql.max_tokens = 1_000_000).await;
    let fields = "sessions { nodes { user { ";
    for (limit, document) in [
        ("max_depth", format!("{{ me {{ {} }} }}", nested(fields, "id", "} } }", 7))),
        ("max_aliases", format!("{{ {} }}", numbered(31, |n| format!("a{n}: __typename")))),
        ("max_aliases", format!("{{ {} }}", numbered(10_000, |n| format!("a{n}: __typename")))),
        ("max_root_fields", format!("{{ {} }}", "__typename ".repeat(21))),
        ("max_fields", format!("{{ {} }}", "__typename ".repeat(10_000))),
        ("max_directives", format!("{{ __typename {} }}", "@skip(if: false) ".repeat(51))),
        ("max_directives", format!("{{ __typename {} }}", "@skip(if: false) ".repeat(10_000))),
        (
            "max_directives",
            format!("{{ ...F {} }} fragment F on Query {{ __typename }}", "@a ".repeat(10_000)),
        ),
        ("max_fields", format!("{{ ...F0 }} {}", exponential(20))),
        ("brackets", nested("{ a ", "", "}", 10_000)),
        ("brackets", format!("{{ node(id: {}) {{ id }} }}", nested("[", "1", "]", 10_000))),
        ("brackets", format!("{{ node(id: {}) {{ id }} }}", nested("{ a: ", "1", "}", 10_000))),
        ("brackets", format!("query($a: {}) {{ __typename }}", nested("[", "ID", "]", 200))),
        ("brackets", format!("query($a: ID = {}) {{ __typename }}", nested("[", "1", "]", 10_000))),
        ("brackets", "[".repeat(200_000)),
        ("brackets", "{".repeat(200_000)),
    ] {
        let start = &document[..document.len().min(60)];
        let answer = assert_refused(&app, start, &json!({ "query": document }), LIMIT).await;
        let message = &answer.body["errors"][0]["message"];
        assert!(message.to_string().contains(limit), "{start}: {message}");
    }
}

#[tokio::test]
async fn a_document_without_end_or_sense_is_refused_within_a_moment() {
    let app = TestApp::start().await;
    let cycle = "fragment A on Query { ...B } fragment B on Query { ...A }";
    let self_cycle = "fragment A on User { sessions { nodes { user { ...A } } } }";
    for (code, document) in [
        (LIMIT, format!("{{ ...A }} {cycle}")),
        (LIMIT, format!("{{ me {{ ...A }} }} {self_cycle}")),
        (INVALID, format!("{{ __typename }} {cycle}")),
        (INVALID, format!("{{ __typename }} {self_cycle}")),
        (INVALID, format!("{{ __typename }} {}", exponential(20))),
        ("BAD_USER_INPUT", format!("{{ user(username: {}) {{ id }} }}", nested("[", "1", "]", 55))),
        (LIMIT, format!("{{ {} }}", "a".repeat(200_000))),
        (INVALID, format!("query({}) {{ __typename }}", numbered(1_000, |n| format!("$v{n}: Int")))),
        (SYNTAX, "{a(b:".repeat(20)),
        (SYNTAX, format!("{{ a(b: {}", "[".repeat(60))),
        (SYNTAX, format!("{{ a(b: {}", "{a:".repeat(60))),
        (SYNTAX, format!("query($a: {}", "[".repeat(60))),
        (SYNTAX, "{a".repeat(60)),
        (SYNTAX, "#".repeat(200_000)),
        (SYNTAX, ",".repeat(200_000)),
        (LIMIT, "\"".repeat(100_000)),
        (SYNTAX, format!("{{ a(b: \"\"\"{}", "a\n".repeat(4000))),
        (LIMIT, format!("{{ a(b: \"\"\"{}", "a\n".repeat(50_000))),
    ] {
        let start = &document[..document.len().min(60)];
        assert_refused(&app, start, &json!({ "query": document }), code).await;
    }
}

#[tokio::test]
async fn an_operation_that_is_not_the_one_to_run_costs_no_more() {
    let app = TestApp::start().await;
    for other in [
        format!("query B {{ ...F0 }} {}", exponential(20)),
        "query B { ...A } fragment A on Query { ...A }".to_owned(),
        format!("query B {{ {} }}", numbered(10_000, |n| format!("a{n}: __typename"))),
        format!("query B {{ me {{ {} }} }}", "id ".repeat(20_000)),
        format!("query B {{ __typename {} }}", "@skip(if: false) ".repeat(10_000)),
        numbered(5_000, |n| format!("query B{n} {{ __typename }}")),
    ] {
        let body = json!({ "query": format!("query A {{ __typename }} {other}"), "operationName": "A" });
        let started = Instant::now();
        let answer = app.anonymous().send(&body).await;
        let took = started.elapsed();
        let start = &other[..other.len().min(60)];
        assert!(took < A_MOMENT, "{start} took {took:?}");
        let code = &answer.body["errors"][0]["extensions"]["code"];
        assert!(
            code.is_null() || [LIMIT, INVALID].contains(&code.as_str().unwrap_or_default()),
            "{start}: {code}"
        );
        app.anonymous().ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn huge_arguments_and_variables_are_refused_within_a_moment() {
    let app = TestApp::start().await;
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let list: Vec<&str> = vec!["x"; 50_000];
    let object: serde_json::Map<String, Value> = (0..10_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let login = "mutation($input: LoginInput!) { login(input: $input) { errors { code } } }";
    for (query, variables, code) in [
        (nodes, json!({ "ids": list }), LIMIT),
        (nodes, json!({ "ids": deep }), "BAD_USER_INPUT"),
        (login, json!({ "input": object }), "BAD_USER_INPUT"),
    ] {
        let started = Instant::now();
        let answer = app.anonymous().ask_with(query, variables).await;
        assert!(started.elapsed() < A_MOMENT, "{query} took {:?}", started.elapsed());
        answer.assert_not_executed(200, code);
        app.anonymous().ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn a_variable_counts_as_often_as_it_is_used() {
    let app = TestApp::start().await;
    let zeros: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("k{n}"), json!(vec![0; 200]))).collect();
    let values = [json!(zeros), json!("x".repeat(200_000))];
    let uses = format!("[{}]", "$v ".repeat(200)).repeat(10);
    for value in &values {
        for query in [
            format!("query($v: Int) {{ __typename(ids: [{uses}]) }}"),
            format!("query($v: Int) {{ user(username: [{uses}]) {{ id }} }}"),
            format!("query($v: Int) {{ __typename {} }}", "@skip(if: $v) ".repeat(40)),
            format!(
                "query($v: Int) {{ ...F }} fragment F on Query {{ node(id: {{ a: [{uses}] }}) {{ id }} }}"
            ),
        ] {
            let started = Instant::now();
            let answer = app.anonymous().ask_with(&query, json!({ "v": value })).await;
            assert!(started.elapsed() < A_MOMENT, "it took {:?}", started.elapsed());
            answer.assert_not_executed(200, LIMIT);
            let message = answer.body["errors"][0]["message"].to_string();
            assert!(message.contains("graphql.max_variable_bytes"), "{message}");
        }
        // Nobody has use for what is not declared.
        app.anonymous().ask_with("{ __typename }", json!({ "v": value })).await.assert_done();
    }
    let query = "query($v: String) { a: user(username: $v) { id } b: user(username: $v) { id } }";
    app.admin().await.ask_with(query, json!({ "v": "x".repeat(200_000) })).await.assert_done();
}

#[tokio::test]
async fn an_operation_holds_one_field_that_checks_a_password() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    let login =
        format!(r#"login(input: {{ username: "ada", password: "{PASSWORD}" }}) {{ errors {{ code }} }}"#);
    let register =
        format!(r#"register(input: {{ username: "bob", password: "{PASSWORD}" }}) {{ errors {{ code }} }}"#);
    let delete = r#"deleteAccount(input: { password: "x" }) { deletedId }"#;
    let change = r#"changePassword(input: { currentPassword: "x", newPassword: "y" }) { expiresIn }"#;
    for document in [
        format!("mutation {{ {login} {login} }}"),
        format!("mutation {{ a: {login} b: {login} }}"),
        format!("mutation {{ {login} {register} }}"),
        format!("mutation {{ {login} {delete} }}"),
        format!("mutation {{ {delete} {change} }}"),
        format!("mutation {{ a: {login} ... {{ b: {login} }} }}"),
        format!("mutation {{ ... on Mutation {{ a: {login} }} ... on Mutation {{ b: {login} }} }}"),
        format!("mutation {{ a: {login} ...F }} fragment F on Mutation {{ b: {login} }}"),
        format!("mutation {{ ...F ...F }} fragment F on Mutation {{ b: {login} }}"),
        format!(
            "mutation {{ ...F ...G }} fragment F on Mutation {{ ...G }} fragment G on Mutation {{ b: {login} }}"
        ),
        format!("mutation M {{ a: {login} ... @skip(if: true) {{ b: {login} }} }}"),
    ] {
        let answer = app.anonymous().ask(&document).await;
        answer.assert_not_executed(200, LIMIT);
    }
    let two = format!("mutation A {{ {login} }} mutation B {{ {login} }}");
    for name in ["A", "B"] {
        app.anonymous().send(&json!({ "query": two, "operationName": name })).await.assert_done();
    }
    let neither = app.anonymous().send(&json!({ "query": two })).await;
    neither.assert_not_executed(200, INVALID);
    let beside = "mutation { logout { errors { code } } a: refresh { errors { code } } ";
    app.anonymous().ask(&format!("{beside} {login} }}")).await.assert_done();
}
