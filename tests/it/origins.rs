//! Cross-origin requests: CORS, CSRF, and the use of the refresh cookie.

use serde_json::json;

use crate::support::{AUTH, Answer, PASSWORD, Socket, TestApp};

const LISTED: &str = "https://app.example.com";
const UNLISTED: &str = "https://evil.example.com";
const REFRESH: &str = r#"{"query":"mutation { it: refresh { accessToken errors { code } } }"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

async fn app() -> TestApp {
    TestApp::with(|config| config.http.cors_origins = vec![LISTED.to_owned()]).await
}

async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    app.request("OPTIONS", path, &headers).await
}

/// Says that a browser keeps the answer from the page.
fn assert_unreadable(answer: &Answer) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(answer.header(name), "", "{answer:?}");
    }
}

/// The cookie of somebody who has signed in, as a browser sends it.
async fn signed_in(app: &TestApp) -> String {
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    let answer = app.anonymous().mutate("register", input, AUTH).await;
    let (name, token, _) = answer.assert_done().cookie().expect("a cookie");
    format!("{name}={token}")
}

/// Refreshes by the cookie, with more headers.
async fn refresh(app: &TestApp, cookie: &str, headers: &[(&str, &str)]) -> Answer {
    let request = app.anonymous().post().header("cookie", cookie).body(REFRESH);
    let request =
        [&[JSON], headers].concat().into_iter().fold(request, |r, (name, value)| r.header(name, value));
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_listed_origin_is_told_what_it_may_send() {
    let app = app().await;
    let answer = preflight(&app, "/graphql", LISTED).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), LISTED);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST");
    assert_eq!(answer.header("access-control-max-age"), "7200");
    let headers = answer.header("access-control-allow-headers");
    for name in [
        "accept",
        "authorization",
        "content-type",
        "if-none-match",
        "apollo-require-preflight",
        "graphql-require-preflight",
        "x-apollo-operation-name",
        "x-requested-with",
        "apollographql-client-name",
        "apollographql-client-version",
        "graphql-client-name",
        "last-event-id",
        "x-request-id",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
    ] {
        assert!(headers.split(',').any(|allowed| allowed == name), "{name}: {headers}");
    }
    assert!(answer.header("vary").contains("origin"), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_listed_origin_reads_answers_and_uses_the_cookie() {
    let app = app().await;
    let cookie = signed_in(&app).await;
    let answer = refresh(&app, &cookie, &[("origin", LISTED), ("sec-fetch-site", "same-site")]).await;
    assert!(answer.assert_done().cookie().is_some());
    assert_eq!(answer.header("access-control-allow-origin"), LISTED);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert_eq!(answer.header("access-control-expose-headers"), "x-request-id,retry-after,etag");
    assert!(answer.header("vary").contains("origin"), "{:?}", answer.headers);
}

#[tokio::test]
async fn an_origin_that_is_not_listed_can_neither_read_an_answer_nor_use_the_cookie() {
    let app = app().await;
    let cookie = signed_in(&app).await;
    for origin in [
        UNLISTED,
        "null",
        "https://app.example.com.evil.com",
        "http://app.example.com",
        "https://app.example.com:8443",
    ] {
        assert_unreadable(&preflight(&app, "/graphql", origin).await);
        let answer = refresh(&app, &cookie, &[("origin", origin)]).await;
        answer.assert_not_executed(403, "FORBIDDEN");
        assert_unreadable(&answer);
        assert!(answer.cookie().is_none());
        assert!(
            answer.body["errors"][0]["message"].to_string().contains("http.cors_origins"),
            "{}",
            answer.body
        );
        let query = app.request("GET", "/graphql?query=%7B__typename%7D", &[("origin", origin)]).await;
        assert_unreadable(&query);
        assert_eq!(query.at("/__typename"), "Query", "who has no cookie acts as nobody");
    }
    for site in ["cross-site", "same-site", "nonsense", ""] {
        let answer = refresh(&app, &cookie, &[("sec-fetch-site", site)]).await;
        answer.assert_not_executed(403, "FORBIDDEN");
    }
    let both = [("origin", UNLISTED), ("sec-fetch-site", "same-site"), ("host", "evil.example.com")];
    refresh(&app, &cookie, &both).await.assert_not_executed(403, "FORBIDDEN");
    refresh(&app, &cookie, &[]).await.assert_done();
}

#[tokio::test]
async fn the_servers_own_pages_and_what_is_no_browser_use_the_cookie() {
    let app = TestApp::start().await;
    let mut cookie = signed_in(&app).await;
    let own = format!("http://{}", app.address());
    for headers in [
        &[][..],
        &[("origin", "https://id.example.com")],
        &[("origin", "https://id.example.com"), ("sec-fetch-site", "same-origin")],
        &[("origin", &*own)],
        &[("origin", "https://id.example"), ("host", "id.example")],
        &[("origin", "https://before.a.proxy"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        let answer = refresh(&app, &cookie, headers).await;
        let (name, token, _) = answer.assert_done().cookie().expect("a cookie");
        cookie = format!("{name}={token}");
    }
}

#[tokio::test]
async fn where_no_origin_is_listed_none_is_told_anything() {
    let app = TestApp::start().await;
    let answer = preflight(&app, "/graphql", LISTED).await;
    answer.assert_not_executed(405, "BAD_USER_INPUT");
    assert_unreadable(&answer);
    let cookie = signed_in(&app).await;
    refresh(&app, &cookie, &[("origin", LISTED)]).await.assert_not_executed(403, "FORBIDDEN");
}

#[tokio::test]
async fn any_page_may_read_the_keys_and_nothing_else_without_being_listed() {
    let app = app().await;
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let answer = app.request("GET", path, &[("origin", UNLISTED)]).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "*"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin", "{path}");
        assert_eq!(
            preflight(&app, path, UNLISTED).await.header("access-control-allow-origin"),
            "*",
            "{path}"
        );
    }
    for path in ["/", "/playground.js", "/healthz", "/readyz", "/nope"] {
        assert_unreadable(&app.request("GET", path, &[("origin", UNLISTED)]).await);
        assert_unreadable(&app.request("GET", path, &[("origin", LISTED)]).await);
    }
}

#[tokio::test]
async fn an_operator_lists_headers_of_their_own() {
    let app = TestApp::with(|config| {
        config.http.cors_origins = vec![LISTED.to_owned()];
        config.http.cors_headers = vec!["X-Tenant".to_owned(), "b3".to_owned()];
    });
    let answer = preflight(&app.await, "/graphql", LISTED).await;
    let headers = answer.header("access-control-allow-headers");
    for name in ["x-tenant", "b3", "authorization", "traceparent"] {
        assert!(headers.split(',').any(|allowed| allowed == name), "{name}: {headers}");
    }
}

#[tokio::test]
async fn an_app_in_a_web_view_can_be_listed() {
    let origins =
        ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "http://tauri.localhost"];
    let app = TestApp::with(|config| config.http.cors_origins = origins.map(ToOwned::to_owned).into()).await;
    for origin in origins {
        let answer = preflight(&app, "/graphql", origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        Socket::try_open(app.address(), &[("origin", origin)]).await.expect("a socket");
    }
    for origin in ["capacitor://evil", "http://localhost", "ionic://tauri.localhost", "null"] {
        assert_unreadable(&preflight(&app, "/graphql", origin).await);
    }
}

/// The same origin is spelled in several ways. Apollo iOS sends the URL of the socket, and proxies add the port.
#[tokio::test]
async fn an_origin_is_compared_by_scheme_host_and_port() {
    let app = app().await;
    let mut cookie = signed_in(&app).await;
    for (origin, host) in [
        ("wss://id.example.com", "id.example.com:443"),
        ("wss://id.example.com", "10.0.0.7:4000"),
        ("https://id.example.com:443", "id.example.com"),
        ("HTTPS://ID.Example.com", "10.0.0.7:4000"),
        ("https://app.example.com:443", "10.0.0.7:4000"),
        ("wss://App.example.com", "10.0.0.7:4000"),
        ("https://other.example.com", "other.example.com:443"),
        ("wss://other.example.com", "Other.Example.com"),
        ("ws://localhost:4000", "localhost:4000"),
        ("http://[0:0::1]:4000", "[::1]:4000"),
        ("http://localhost", "localhost:80"),
    ] {
        let headers = [("origin", origin), ("host", host)];
        let answer = refresh(&app, &cookie, &headers).await;
        let (name, token, _) = answer.assert_done().cookie().expect("a cookie");
        cookie = format!("{name}={token}");
        Socket::try_open(app.address(), &headers).await.expect("a socket");
    }
}

#[tokio::test]
async fn an_origin_that_resembles_the_own_one_is_foreign() {
    let app = app().await;
    let cookie = signed_in(&app).await;
    for (origin, host) in [
        ("https://id.example.com.evil.com", "id.example.com"),
        ("https://id.example.com@evil.com", "id.example.com"),
        ("https://evil.com@id.example.com", "id.example.com"),
        ("https://id.example.com/", "id.example.com"),
        ("https://id.example.com/evil", "id.example.com"),
        ("https://id.example.com:444", "id.example.com:443"),
        ("https://id.example.com:", "id.example.com"),
        ("https://id.example.com.", "id.example.com"),
        ("https://id.example.com, https://evil.com", "id.example.com"),
        ("https://id.example.com https://evil.com", "id.example.com"),
        // A page without TLS can be of anybody in the network.
        ("http://id.example.com", "id.example.com"),
        ("http://id.example.com:443", "id.example.com:443"),
        ("evil://id.example.com", "id.example.com"),
        ("evil://10.0.0.7:4000", "10.0.0.7:4000"),
        ("id.example.com", "id.example.com"),
        ("file://", "id.example.com"),
        ("null", "null"),
        ("https://null", "id.example.com"),
    ] {
        let headers = [("origin", origin), ("host", host)];
        refresh(&app, &cookie, &headers).await.assert_not_executed(403, "FORBIDDEN");
        let refused = Socket::try_open(app.address(), &headers).await.err().expect("it is refused");
        refused.assert_not_executed(403, "FORBIDDEN");
    }
    let twice = [("origin", LISTED), ("origin", UNLISTED)];
    refresh(&app, &cookie, &twice).await.assert_not_executed(403, "FORBIDDEN");
    let twice = [("origin", LISTED), ("origin", LISTED)];
    refresh(&app, &cookie, &twice).await.assert_not_executed(403, "FORBIDDEN");
    let sites = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")];
    refresh(&app, &cookie, &sites).await.assert_not_executed(403, "FORBIDDEN");
}
