//! Strings and numbers, as graphql-js reads them.

use async_graphql::{Context, EmptyMutation, EmptySubscription, ID, MergedObject, Object, Schema};
use portcullis::{router::router, schema::IdentityQuery};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const INVALID: &str = "BAD_USER_INPUT";
const SYNTAX: &str = "GRAPHQL_PARSE_FAILED";

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Echo);

#[derive(Default)]
struct Echo;

/// Gives back what it takes, as text.
#[Object]
impl Echo {
    async fn string(&self, value: String) -> String {
        value
    }

    async fn int(&self, _ctx: &Context<'_>, value: i32) -> String {
        value.to_string()
    }

    async fn ints(&self, value: Vec<i32>) -> String {
        format!("{value:?}")
    }

    async fn float(&self, value: f64) -> String {
        value.to_string()
    }

    async fn id(&self, value: ID) -> String {
        value.to_string()
    }

    async fn range(&self, value: Range) -> String {
        format!("{}..{:?}", value.from, value.to)
    }
}

#[derive(async_graphql::InputObject)]
struct Range {
    from: i32,
    #[graphql(default = 7)]
    to: i32,
}

async fn echo(app: &TestApp) -> Client {
    let schema = Schema::build(Query::default(), EmptyMutation, EmptySubscription).finish();
    app.also_serve(router(&app.app, schema)).await
}

#[tokio::test]
async fn a_string_holds_any_character_in_any_escape() {
    let app = TestApp::start().await;
    let client = echo(&app).await;
    for (literal, expected) in [
        (r#""\ud83d\ude80""#, "🚀"),
        (r#""\u{1F680}""#, "🚀"),
        (r#""a\uD83D\uDE80b\u{1f680}\u{000041}""#, "a🚀b🚀A"),
        (r#""\u{22}\u{5C}\u{A}\u{D}\u0000""#, "\"\\\n\r\0"),
        (r#""\\u{1F680} \\ud83d""#, r"\u{1F680} \ud83d"),
        (r#""\u{10FFFF}\u{0}""#, "\u{10ffff}\0"),
        (r#""""\u{1F680} \ud83d""""#, r"\u{1F680} \ud83d"),
        ("\"🚀\"", "🚀"),
    ] {
        let answer = client.ask(&format!("{{ string(value: {literal}) }}")).await;
        assert_eq!(answer.assert_done().at("/string"), expected, "{literal}");
        let default = client.ask(&format!("query($a: String! = {literal}) {{ string(value: $a) }}")).await;
        assert_eq!(default.assert_done().at("/string"), expected, "{literal}");
    }
}

#[tokio::test]
async fn an_escape_that_stands_for_no_character_is_a_syntax_error() {
    let app = TestApp::start().await;
    let client = echo(&app).await;
    for (content, column) in [
        (r"\ud83d", 18),
        (r"\ude80", 18),
        (r"ab\ude80\ud83d", 20),
        (r"\ud83d\u{de80}", 18),
        (r"\u{d83d}\u{de80}", 18),
        (r"🚀\u{110000}", 19),
        (r"\u{}", 18),
        (r"\u{1F680", 18),
        (r"\u{1F680}\q", 27),
        (r"\u{0000000041}", 18),
    ] {
        let answer = client.ask(&format!("{{ string(value: \"{content}\") }}")).await;
        answer.assert_not_executed(200, SYNTAX);
        let message = answer.body["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(&format!("1:{column}:")), "{content}: {message}");
    }
    for document in
        [r#"{ string(value: "\u{1F680}"#, r#"{ string(value: "\ud83d\"#, "{ string(value: \"\\u{41}\r\") }"]
    {
        client.ask(document).await.assert_not_executed(200, SYNTAX);
    }
}

/// Errors after a string keep their position, and the document keeps its hash.
#[tokio::test]
async fn escapes_move_no_error_and_change_no_hash() {
    let app = TestApp::start().await;
    let client = echo(&app).await;
    for string in [r#""\u{1F680}""#, r#""\ud83d\ude80""#, r#""\u{22}\ud83d\ude80é""#, r#""\u{000041}""#] {
        let plain = format!("\"{}\"", "x".repeat(string.chars().count() - 2));
        let location = |document: String| {
            let client = client.clone();
            async move {
                let answer = client.ask(&document).await;
                let error = answer.body["errors"][0].clone();
                let message = error["message"].as_str().expect("a message").to_owned();
                (
                    error["locations"].clone(),
                    message.contains("nope") || message.contains("Syntax error"),
                    message,
                )
            }
        };
        for document in
            ["{ string(value: S) nope }", "{ string(value: S, nope: 1) }", "{ string(value: S) ? }"]
        {
            let (moved, is_named, message) = location(document.replace('S', string)).await;
            let (right, _, other) = location(document.replace('S', &plain)).await;
            assert!(is_named, "{message}");
            assert_eq!((moved, message), (right, other), "{document}");
        }
    }
    let document = r#"{ string(value: "\u{1F680}") }"#;
    let mut request = json!({ "query": document });
    request["extensions"] = crate::support::persisted(&crate::support::sha256_hex(document));
    client.send(&request).await.assert_done();
    request["query"] = Value::Null;
    assert_eq!(client.send(&request).await.assert_done().at("/string"), "🚀");
}

/// graphql-js: "Int cannot represent non 32-bit signed integer value".
#[tokio::test]
async fn an_integer_beyond_32_bits_is_refused_before_anything_is_executed() {
    let app = TestApp::start().await;
    let client = echo(&app).await;
    for number in
        ["2147483648", "-2147483649", "3000000000", "9007199254740993", "99999999999999999999", "1e10"]
    {
        for document in [
            format!("{{ __typename int(value: {number}) }}"),
            format!("{{ __typename ints(value: [1, {number}]) }}"),
            format!("{{ __typename ints(value: {number}) }}"),
            format!("{{ __typename range(value: {{ from: {number} }}) }}"),
            format!("{{ __typename range(value: {{ from: 1, to: {number} }}) }}"),
            format!("query($a: [Int!]! = [{number}]) {{ __typename ints(value: $a) }}"),
        ] {
            let answer = client.ask(&document).await;
            answer.assert_not_executed(200, INVALID);
            let message = answer.body["errors"][0]["message"].to_string();
            assert!(message.contains("2147483647"), "{document}: {message}");
        }
        let default =
            client.ask(&format!("query($a: Int! = {number}) {{ __typename int(value: $a) }}")).await;
        assert!(default.body.get("data").is_none(), "{}", default.body);
        let value: Value = serde_json::from_str(number).expect("a number");
        for (query, variable) in [
            ("query($a: Int!) { __typename int(value: $a) }", value.clone()),
            ("query($a: [Int!]!) { __typename ints(value: $a) }", json!([1, value])),
            ("query($a: Int!) { __typename ints(value: [1, $a]) }", value.clone()),
            ("query($a: Int!) { __typename range(value: { from: $a }) }", value.clone()),
            ("query($a: Range!) { __typename range(value: $a) }", json!({ "from": 1, "to": value })),
        ] {
            client.ask_with(query, json!({ "a": variable })).await.assert_not_executed(200, INVALID);
        }
    }
    for (document, path, expected) in [
        ("{ int(value: 2147483647) }", "/int", "2147483647"),
        ("{ int(value: -2147483648) }", "/int", "-2147483648"),
        ("{ id(value: 3000000000) }", "/id", "3000000000"),
        ("{ float(value: 3000000000) }", "/float", "3000000000"),
        ("{ float(value: 3) }", "/float", "3"),
        ("{ id(value: 3) }", "/id", "3"),
    ] {
        assert_eq!(client.ask(document).await.assert_done().at(path), expected, "{document}");
    }
    // The server's own schema.
    let root = app.admin().await;
    root.ask("{ me { id } users(first: 3000000000) { totalCount } }").await.assert_not_executed(200, INVALID);
}

/// In JSON, `10` and `10.0` are the same number.
#[tokio::test]
async fn a_variable_that_is_an_integer_may_be_written_with_a_fraction() {
    let app = TestApp::start().await;
    let client = echo(&app).await;
    let send = |query: &str, variable: &str| {
        let query = json!(query);
        let body = format!(r#"{{"query":{query},"variables":{{"a":{variable}}}}}"#);
        let client = client.clone();
        async move { client.send_raw(body).await }
    };
    for (query, variable, expected) in [
        ("query($a: Int!) { it: int(value: $a) }", "10.0", "10"),
        ("query($a: Int!) { it: int(value: $a) }", "1e1", "10"),
        ("query($a: Int!) { it: int(value: $a) }", "-0.0", "0"),
        ("query($a: Int!) { it: int(value: $a) }", "2147483647.0", "2147483647"),
        ("query($a: [Int!]!) { it: ints(value: $a) }", "[1.0, 2e0]", "[1, 2]"),
        ("query($a: [Int!]!) { it: ints(value: $a) }", "1.0", "[1]"),
        ("query($a: Range!) { it: range(value: $a) }", r#"{"from":1.0,"to":2.0}"#, "1..2"),
        ("query($a: ID!) { it: id(value: $a) }", "10.0", "10"),
        ("query($a: ID!) { it: id(value: $a) }", "9007199254740991", "9007199254740991"),
        ("query($a: Float!) { it: float(value: $a) }", "10", "10"),
        ("query($a: Float!) { it: float(value: $a) }", "10.0", "10"),
        ("query($a: Float!) { it: float(value: $a) }", "10.5", "10.5"),
        ("query($a: Float!) { it: float(value: $a) }", "1e300", &*1e300.to_string()),
    ] {
        assert_eq!(send(query, variable).await.assert_done().at("/it"), expected, "{query} {variable}");
    }
    for (query, variable) in [
        ("query($a: Int!) { it: int(value: $a) }", "10.5"),
        ("query($a: Int!) { it: int(value: $a) }", "2147483648.0"),
        ("query($a: Int!) { it: int(value: $a) }", "1e300"),
        ("query($a: Int!) { it: int(value: $a) }", "\"10\""),
        ("query($a: Int!) { it: int(value: $a) }", "true"),
        ("query($a: ID!) { it: id(value: $a) }", "10.5"),
        ("query($a: ID!) { it: id(value: $a) }", "true"),
        ("query($a: String!) { it: string(value: $a) }", "10.0"),
    ] {
        send(query, variable).await.assert_not_executed(200, INVALID);
    }
    // A literal says what it is.
    client.ask("{ int(value: 10.0) }").await.assert_not_executed(200, INVALID);
    let path = "/graphql?query=query($a:Int!)%7Bint(value:$a)%7D&variables=%7B%22a%22:10.0%7D";
    assert_eq!(client.get(path).await.assert_done().at("/int"), "10");
}
