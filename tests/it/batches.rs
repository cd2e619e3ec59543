//! Batches of operations in one request, if the configuration allows them.

use serde_json::{Value, json};

use crate::support::{AUTH, Answer, Client, PASSWORD, TestApp};

const LIMIT: &str = "OPERATION_LIMIT_EXCEEDED";

async fn app() -> TestApp {
    TestApp::with(|config| config.graphql.max_batch = 5).await
}

fn query(query: &str) -> Value {
    json!({ "query": query })
}

fn login(password: &str) -> Value {
    let input = json!({ "username": "ada", "password": password, "delivery": "COOKIE" });
    let query = format!("mutation($input: LoginInput!) {{ it: login(input: $input) {{ {AUTH} }} }}");
    json!({ "query": query, "variables": { "input": input } })
}

/// Sends a batch that is refused as a whole, by a limit that the error names.
async fn assert_over(client: &Client, batch: Value, limit: &str) -> Answer {
    let answer = client.send(&batch).await;
    answer.assert_not_executed(400, LIMIT);
    let message = &answer.body["errors"][0]["message"];
    assert!(message.to_string().contains(limit), "{message}");
    answer
}

#[tokio::test]
async fn a_batch_is_executed_in_order_and_answered_by_an_array() {
    let app = app().await;
    let ada = app.signed_in("ada").await;
    let rename = |name: &str| {
        query(&format!(
            "mutation {{ updateProfile(input: {{ displayName: \"{name}\" }}) {{ user {{ id }} }} }}"
        ))
    };
    let name = || query("{ me { displayName } }");
    let answer = ada.send(&json!([name(), rename("Ada"), name(), rename("Countess"), name()])).await;
    assert_eq!(answer.status, 200);
    let named = |number: usize| &answer.body[number]["data"]["me"]["displayName"];
    assert_eq!([named(0), named(2), named(4)], [&json!(null), &json!("Ada"), &json!("Countess")]);
    assert_eq!(answer.body.as_array().map(Vec::len), Some(5));
    assert_eq!(ada.send(&json!([name()])).await.body.as_array().map(Vec::len), Some(1), "of one as well");
    assert!(ada.send(&name()).await.body.is_object(), "what is no batch is answered as ever");
}

#[tokio::test]
async fn what_is_wrong_with_one_operation_does_not_keep_the_others() {
    let app = app().await;
    let batch = json!([query("{"), query("{ nope }"), {}, { "query": 1 }, query("{ me { id } __typename }")]);
    let answer = app.anonymous().send(&batch).await;
    assert_eq!(answer.status, 200);
    let (answers, id) = (answer.body.as_array().expect("an array"), answer.header("x-request-id"));
    let codes = answers.iter().map(|answer| answer["errors"][0]["extensions"]["code"].as_str());
    let codes: Vec<&str> = codes.flatten().collect();
    let expected = [
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_USER_INPUT",
        "BAD_USER_INPUT",
        "UNAUTHENTICATED",
    ];
    assert_eq!(codes, expected);
    assert_eq!(answers[4]["data"], json!({ "me": null, "__typename": "Query" }));
    for answer in answers {
        assert_eq!(answer["errors"][0]["extensions"]["requestId"], id, "{answer}");
    }
}

#[tokio::test]
async fn a_batch_with_two_logins_is_refused_before_either() {
    let app = app().await;
    let ada = app.signed_in("ada").await;
    for batch in [
        json!([login(PASSWORD), login(PASSWORD)]),
        json!([login("wrong"), query("{ __typename }"), login("wrong too")]),
        json!([
            login("wrong"),
            query("mutation { deleteAccount(input: { password: \"x\" }) { deletedId } }")
        ]),
    ] {
        assert_over(&ada, batch, "one field that checks a credential").await;
    }
    let sessions = ada.ask("{ me { sessions { totalCount } } }").await;
    assert_eq!(sessions.at("/me/sessions/totalCount"), 1);
    let root = app.admin().await;
    let failures = root.ask("{ auditEvents(filter: { actions: [LOGIN_FAILED] }) { nodes { id } } }").await;
    assert_eq!(failures.at("/auditEvents/nodes"), &json!([]));
}

#[tokio::test]
async fn the_cookie_of_a_login_in_a_batch_is_set() {
    let app = app().await;
    app.signed_in("ada").await;
    let answer = app.anonymous().send(&json!([query("{ __typename }"), login(PASSWORD)])).await;
    assert!(answer.body[1]["data"]["it"]["accessToken"].is_string(), "{}", answer.body);
    assert!(answer.cookie().is_some_and(|(_, token, _)| token.starts_with("prt_")));
}

#[tokio::test]
async fn the_limits_count_for_the_whole_batch() {
    let app = TestApp::with(|config| {
        config.graphql.max_batch = 5;
        config.graphql.max_root_fields = 4;
        config.graphql.max_complexity = 60;
    })
    .await;
    let client = app.anonymous();
    let two = query("{ __typename server { version } }");
    assert_eq!(client.send(&json!([two, two])).await.status, 200);
    assert_over(&client, json!([two, two, query("{ __typename }")]), "graphql.max_root_fields").await;
    let page = query("{ users(first: 20) { nodes { id } } }");
    assert_eq!(client.send(&json!([page])).await.status, 200);
    assert_over(&client, json!([page, page]), "graphql.max_complexity").await;
    let one = query("{ __typename }");
    assert_over(&client, json!([one, one, one, one, one, one]), "graphql.max_batch, which is 5").await;
}

#[tokio::test]
async fn what_is_no_batch_of_requests_is_refused() {
    let app = app().await;
    for batch in
        [json!([]), json!([[]]), json!([["{ __typename }"]]), json!([null]), json!(["{ __typename }"])]
    {
        app.anonymous().send(&batch).await.assert_not_executed(400, "BAD_USER_INPUT");
    }
    let broken = app.anonymous().send_raw(r#"[{"query":"{__typename}"}"#).await;
    broken.assert_not_executed(400, "BAD_USER_INPUT");
}
