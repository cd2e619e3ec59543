//! GraphQL over HTTP: methods, media types, statuses, and the shape of every error response.

use serde_json::json;

use crate::support::{Answer, TestApp};

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

/// Posts a body of this type, with more headers.
async fn post(app: &TestApp, body: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(app.anonymous().post(), |request, (n, value)| request.header(*n, *value));
    Answer::read(request.body(body.to_owned()).send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_query_comes_by_get_as_well() {
    let app = TestApp::start().await;
    for path in [
        "/graphql?query=%7B__typename%7D",
        "/graphql?query=query($a:Boolean!)%7B__typename,server@skip(if:$a)%7Bversion%7D%7D&variables=%7B%22a%22:true%7D",
        "/graphql?query=query+A%7B__typename%7Dquery+B%7Bserver%7Bversion%7D%7D&operationName=A",
    ] {
        let answer = app.request("GET", path, &[]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({ "data": { "__typename": "Query" } }), "{path}");
    }
    for path in [
        "/graphql",
        "/graphql?query=",
        "/graphql?variables=%7B%7D",
        "/graphql?query=%7B__typename%7D&variables=%7B",
    ] {
        app.request("GET", path, &[]).await.assert_not_executed(400, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_mutation_does_not_come_by_get() {
    let app = TestApp::start().await;
    for path in [
        "/graphql?query=mutation%7Blogout%7Berrors%7Bcode%7D%7D%7D",
        "/graphql?query=query+A%7B__typename%7Dmutation+B%7Blogout%7Berrors%7Bcode%7D%7D%7D&operationName=B",
    ] {
        for accept in [JSON, GRAPHQL] {
            let answer = app.request("GET", path, &[("accept", accept)]).await;
            answer.assert_not_executed(405, "BAD_USER_INPUT");
            assert_eq!(answer.header("allow"), "POST");
        }
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let app = TestApp::start().await;
    let body = r#"{"query":"{__typename}"}"#;
    for content_type in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/plain; charset=application/json",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "application/json; charset=utf-16",
        "",
    ] {
        let refused = post(&app, body, &[("content-type", content_type)]).await;
        refused.assert_not_executed(415, "BAD_USER_INPUT");
    }
    post(&app, body, &[]).await.assert_not_executed(415, "BAD_USER_INPUT");
    let form = post(&app, "query=%7B__typename%7D", &[("content-type", "application/x-www-form-urlencoded")]);
    form.await.assert_not_executed(415, "BAD_USER_INPUT");
}

#[tokio::test]
async fn json_is_json_however_it_is_declared_and_a_header_that_no_form_sends_will_do() {
    let app = TestApp::start().await;
    let body = r#"{"query":"{__typename}"}"#;
    for content_type in
        [JSON, "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""]
    {
        assert_eq!(post(&app, body, &[("content-type", content_type)]).await.status, 200, "{content_type}");
    }
    for name in ["apollo-require-preflight", "x-apollo-operation-name", "x-requested-with"] {
        let answer = post(&app, body, &[("content-type", "text/plain"), (name, "x")]).await;
        assert_eq!(answer.at("/__typename"), "Query", "{name}");
    }
}

#[tokio::test]
async fn the_answer_has_the_media_type_that_the_client_likes_best() {
    let app = TestApp::start().await;
    let utf8 = |media: &str| format!("{media}; charset=utf-8");
    for (accept, media) in [
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        ("application/graphql-response+json; charset=utf-8, application/json; charset=utf-8", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/json;q=0.5, application/graphql-response+json", GRAPHQL),
        ("text/html, */*;q=0.1", JSON),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON", GRAPHQL),
    ] {
        let answer =
            post(&app, r#"{"query":"{__typename}"}"#, &[("content-type", JSON), ("accept", accept)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, &*utf8(media)), "{accept}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for accept in ["text/html", "image/*", "application/json;q=0", "application/xml"] {
        let answer =
            post(&app, r#"{"query":"{__typename}"}"#, &[("content-type", JSON), ("accept", accept)]).await;
        answer.assert_not_executed(406, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn the_status_tells_what_the_media_type_promises() {
    let app = TestApp::start().await;
    for (body, json_status, graphql_status, code) in [
        ("{", 400, 400, "BAD_USER_INPUT"),
        ("{}", 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{"}"#, 200, 400, "GRAPHQL_PARSE_FAILED"),
        (r#"{"query":"{nope}"}"#, 200, 400, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"{__typename}","operationName":"Nope"}"#, 200, 400, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"query($a:Int!){users(first:$a){totalCount}}"}"#, 200, 400, "BAD_USER_INPUT"),
    ] {
        for (accept, status) in [(JSON, json_status), (GRAPHQL, graphql_status)] {
            let answer = post(&app, body, &[("content-type", JSON), ("accept", accept)]).await;
            answer.assert_not_executed(status, code);
            assert!(answer.header("content-type").starts_with(accept), "{body}");
        }
    }
    let partly = post(&app, r#"{"query":"{me{id}}"}"#, &[("content-type", JSON), ("accept", GRAPHQL)]).await;
    assert_eq!(partly.status, 200);
    assert_eq!(partly.assert_failed("UNAUTHENTICATED").body["data"], json!({ "me": null }));
}

#[tokio::test]
async fn a_path_or_a_method_that_is_not_there_gets_an_error_in_the_same_shape() {
    let app = TestApp::start().await;
    for path in ["/nope", "/graphql/", "/graphql/x", "/.well-known/nope", "//", "/..%2f..%2fetc/passwd"] {
        app.request("GET", path, &[]).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
    for (method, path) in [
        ("PUT", "/graphql"),
        ("DELETE", "/graphql"),
        ("POST", "/"),
        ("POST", "/healthz"),
        ("PATCH", "/readyz"),
        ("POST", "/.well-known/jwks.json"),
    ] {
        let answer = app.request(method, path, &[]).await;
        answer.assert_not_executed(405, "BAD_USER_INPUT");
        assert!(answer.header("allow").contains("GET"), "{method} {path}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn each_request_has_an_id_of_the_servers_own() {
    let app = TestApp::start().await;
    let mut ids = std::collections::HashSet::new();
    for path in ["/graphql?query=%7B__typename%7D", "/graphql", "/nope", "/healthz", "/", "/readyz"] {
        let answer = app.request("GET", path, &[("x-request-id", "mine")]).await;
        assert_ne!(answer.header("x-request-id"), "mine");
        assert!(ids.insert(answer.header("x-request-id").to_owned()), "{path}");
    }
    assert!(!ids.contains(""));
}

#[tokio::test]
async fn batches_are_refused() {
    let app = TestApp::start().await;
    let one = json!({ "query": "{ __typename }" });
    for batch in [
        json!([]),
        json!([one]),
        json!([one, one]),
        json!(["{ __typename }"]),
        json!(["{ __typename }", null, {}]),
    ] {
        app.anonymous().send(&batch).await.assert_not_executed(400, "BAD_USER_INPUT");
    }
}
