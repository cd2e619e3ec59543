//! Malicious requests: each gets an error that names the problem, and the next request succeeds.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let deep = format!(r#"{{"query":"{{__typename}}","variables":{{"a":{}}}}}"#, "[".repeat(10_000));
    let objects = format!(r#"{{"query":"{{__typename}}","variables":{}"#, r#"{"a":"#.repeat(10_000));
    let balanced = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let balanced = format!(r#"{{"query":"{{__typename}}","variables":{{"a":{balanced}}}}}"#);
    let bodies: [&[u8]; 24] = [
        b"",
        b" ",
        b"null",
        b"1",
        b"\"{ __typename }\"",
        b"{",
        b"{}",
        b"{]",
        b"{\"query\"}",
        b"{\"query\":}",
        b"{\"query\":\"{__typename}\"",
        b"{\"query\":\"{__typename}\"} trailing",
        b"{\"query\":null}",
        b"{\"query\":1}",
        b"{\"query\":\"\"}",
        b"{\"query\":[\"{__typename}\"]}",
        b"{\"query\":\"{__typename}\",\"variables\":[]}",
        b"{\"query\":\"{__typename}\",\"variables\":\"{}\"}",
        b"{\"query\":\"{__typename}\",\"operationName\":1}",
        b"{\"query\":\"{__typename}\",\"extensions\":1}",
        b"{\"query\":\"\xff\xfe{__typename}\"}",
        b"{\"query\":\"{__typename}\\ud800\"}",
        b"\xff\xfe{\0\"\0}\0",
        b"\0",
    ];
    for body in bodies.into_iter().chain([deep.as_bytes(), objects.as_bytes(), balanced.as_bytes()]) {
        let answer = client.send_raw(body.to_vec()).await;
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(answer.status, 400, "{start}: {}", answer.body);
        answer.assert_not_executed(400, "BAD_USER_INPUT");
        client.ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn null_and_unknown_members_of_a_request_do_not_matter() {
    let app = TestApp::start().await;
    for body in [
        json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null }),
        json!({ "query": "{ __typename }", "id": 1, "documentId": "x" }),
    ] {
        assert_eq!(app.anonymous().send(&body).await.assert_done().at("/__typename"), "Query");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_how_long_it_is() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let huge =
        json!({ "query": "{ __typename }", "variables": { "a": "a".repeat(2 * 1024 * 1024) } }).to_string();
    let told = client.send_raw(huge.clone()).await;
    told.assert_not_executed(413, "OPERATION_LIMIT_EXCEEDED");
    assert!(told.body["errors"][0]["message"].to_string().contains("max_body_bytes"), "{}", told.body);
    client.ask("{ server { version } }").await.assert_done();

    let limit = 256 * 1024;
    let body = |bytes: usize| format!(r#"{{"query":"{{__typename}}"{}}}"#, " ".repeat(bytes - 24));
    assert_eq!(body(limit).len(), limit);
    client.send_raw(body(limit)).await.assert_done();
    client.send_raw(body(limit + 1)).await.assert_not_executed(413, "OPERATION_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_document_that_does_not_fit_the_schema_says_where() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for (query, code, named) in [
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("{ me { nope } }", "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("{ me }", "GRAPHQL_VALIDATION_FAILED", "me"),
        ("{ user { id } }", "GRAPHQL_VALIDATION_FAILED", "username"),
        (r#"{ user(username: "a", nope: 1) { id } }"#, "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("{ ...Nope }", "GRAPHQL_VALIDATION_FAILED", "Nope"),
        ("{ me @nope { id } }", "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("query($a: Nope) { __typename }", "GRAPHQL_VALIDATION_FAILED", "Nope"),
        ("query($a: Nope = 1) { __typename }", "GRAPHQL_VALIDATION_FAILED", "Nope"),
        ("query($a: [[Nope!]!] = [[1]]) { __typename }", "GRAPHQL_VALIDATION_FAILED", "Nope"),
        ("mutation { nope }", "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("{", "GRAPHQL_PARSE_FAILED", "1:2"),
        ("{ a: }", "GRAPHQL_PARSE_FAILED", "1:6"),
        ("😀", "GRAPHQL_PARSE_FAILED", "1:1"),
        ("{ \0 }", "GRAPHQL_PARSE_FAILED", "1:3"),
        (" ", "GRAPHQL_PARSE_FAILED", "1:2"),
    ] {
        let answer = client.ask(query).await;
        answer.assert_not_executed(200, code);
        assert!(answer.body["errors"][0]["message"].to_string().contains(named), "{query}: {}", answer.body);
        client.ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn variables_that_do_not_fit_the_schema_are_named() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let users =
        "query($first: Int, $filter: UserFilter) { users(first: $first, filter: $filter) { totalCount } }";
    let user = "query($name: String!) { user(username: $name) { id } }";
    let login = "mutation($input: LoginInput!) { login(input: $input) { errors { code } } }";
    let update = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { errors { code } } }";
    for (query, variables, named) in [
        (user, json!({}), "name"),
        (user, json!({ "name": null }), "name"),
        (user, json!({ "name": 1 }), "name"),
        (user, json!({ "name": ["a"] }), "name"),
        (users, json!({ "first": "1" }), "first"),
        (users, json!({ "first": 1.5 }), "first"),
        (users, json!({ "first": 3_000_000_000_u64 }), "2147483647"),
        (users, json!({ "filter": { "nope": 1 } }), "nope"),
        (users, json!({ "filter": [] }), "UserFilter"),
        (login, json!({ "input": {} }), "username"),
        (login, json!({ "input": { "username": "a" } }), "password"),
        (login, json!({ "input": { "username": "a", "password": "b", "nope": 1 } }), "nope"),
        (update, json!({ "input": { "id": root.user_id, "roles": [null] } }), "roles"),
        (update, json!({ "input": { "id": root.user_id, "disabled": "yes" } }), "disabled"),
        (update, json!({ "input": { "id": root.user_id, "displayName": 1 } }), "displayName"),
    ] {
        let answer = root.ask_with(query, variables.clone()).await;
        let error = &answer.body["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{query} {variables}: {}", answer.body);
        assert!(error["message"].to_string().contains(named), "{query} {variables}: {}", answer.body);
        assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
        root.ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn a_list_may_have_a_default_and_stands_where_none_may_be_null() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let query = r#"query A($ids: [ID!] = ["user_0"]) { nodes(ids: $ids) { id } }
        query B($ids: [ID!] = ["user_0"], $of: [Nope!] = [1]) { nodes(ids: $ids) { id } }"#;
    let (valid, _) = query.split_once("query B").expect("two operations");
    let default = client.ask(valid).await;
    assert_eq!(default.assert_done().at("/nodes"), &json!([null]));
    let given = client.ask_with(valid, json!({ "ids": ["user_0", "user_1"] })).await;
    assert_eq!(given.assert_done().at("/nodes"), &json!([null, null]));
    let null = client.ask_with(valid, json!({ "ids": null })).await;
    assert!(null.status == 200 && null.code() != "INTERNAL_SERVER_ERROR", "{}", null.body);
    let other = client.send(&json!({ "query": query, "operationName": "A" })).await;
    other.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn odd_text_is_taken_or_refused_but_breaks_nothing() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (long, nuls) = ("a".repeat(10_000), "\0".repeat(100));
    for text in [
        "",
        " ",
        "\0",
        "a\0b",
        "😀",
        "\u{feff}",
        "\u{202e}",
        "'; DROP TABLE users; --",
        "\u{fdfa}\u{fdfa}",
        &long,
        &nuls,
    ] {
        let variables = json!({ "text": text, "id": text, "password": text });
        for operation in [
            "query($text: String!) { user(username: $text) { id } }",
            "query($id: ID!) { node(id: $id) { id } }",
            "mutation($text: String!, $password: String!) \
             { login(input: { username: $text, password: $password }) { errors { code } } }",
            "mutation($text: String!) { refresh(input: { refreshToken: $text }) { errors { code } } }",
            "mutation($text: String!) { register(input: { username: $text, password: $text }) { errors { code } } }",
            "mutation($text: String!) { createUser(input: { username: $text, password: $text, roles: [$text] }) \
             { errors { code } } }",
        ] {
            let answer = root.ask_with(operation, variables.clone()).await;
            let codes = answer.body.to_string();
            assert_eq!(answer.status, 200, "{codes}");
            assert!(
                !codes.contains("INTERNAL") && !codes.contains("UNAVAILABLE"),
                "{operation} {text:?}: {codes}"
            );
        }
        root.ask("{ me { id } }").await.assert_done();
    }
}

#[tokio::test]
async fn no_error_repeats_a_password() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let secret = "Tr0ub4dor-and-3";
    app.secrets.add(secret);
    let login = "mutation($input: LoginInput!) { login(input: $input) { errors { code message } } }";
    let with = |input: Value| json!({ "query": login, "variables": { "input": input } }).to_string();
    let literal = |password: &str| {
        let query = format!(
            "mutation {{ login(input: {{ username: \"a\", password: {password} }}) {{ errors {{ code }} }} }}"
        );
        json!({ "query": query }).to_string()
    };
    for body in [
        with(json!({ "username": "a", "password": { "is": secret } })),
        with(json!({ "username": "a", "password": [secret] })),
        with(json!({ "username": { "password": secret }, "password": "b" })),
        with(json!({ "username": "a", "password": "b", "passwort": secret })),
        with(json!({ "username": "a", "password": secret, "delivery": "NOPE" })),
        with(json!({ "username": "a", "password": secret })),
        with(json!(secret)),
        with(json!([secret])),
        literal(&format!("{{ is: \"{secret}\" }}")),
        literal(&format!("[\"{secret}\"]")),
        literal(&format!("\"{secret}")),
        literal(&format!("\"{secret}\" \"")),
        literal(&format!("\"{secret}\" }} }}")),
        literal(&format!("'{secret}'")),
        literal(&format!("\"{secret}\\x\"")),
        json!(secret).to_string(),
        json!({ "query": secret }).to_string(),
        json!({ "query": [secret] }).to_string(),
        json!({ "query": login, "variables": secret }).to_string(),
        json!({ "query": login, "variables": [secret] }).to_string(),
        json!({ "query": login, "extensions": secret }).to_string(),
        json!({ "query": login, "operationName": { "password": secret } }).to_string(),
        format!(r#"{{"query":"{{__typename}}","variables":{{"password":"{secret}""#),
        format!(r#"{{"password":"{secret}"}}"#),
        secret.to_owned(),
        format!(r#"{{"query":"{{__typename}}","variables":{{"password":{secret}}}}}"#),
    ] {
        let answer = client.send_raw(body.clone()).await;
        let text = answer.body.to_string();
        for part in [secret, "Tr0ub", "and-3"] {
            assert!(!text.contains(part), "{body} is answered by {text}");
        }
    }
    let path = format!("/graphql?query=%7B__typename%7D&variables=%7B%22password%22:%22{secret}%22");
    let answer = app.request("GET", &path, &[]).await;
    assert!(!answer.body.to_string().contains("Tr0ub"), "{}", answer.body);
    let path = format!("/graphql?query=%7B__typename%7D&variables=%22{secret}%22");
    let answer = app.request("GET", &path, &[]).await;
    assert!(!answer.body.to_string().contains("Tr0ub"), "{}", answer.body);
    app.anonymous().register("ada", PASSWORD).await.assert_done();
}
