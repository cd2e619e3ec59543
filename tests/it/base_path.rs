//! A server below a base path, which is part of `http.public_url`.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header, jwk::JwkSet};
use portcullis::{
    config::{Cookies, HttpConfig},
    router::router,
};
use serde_json::{Value, json};

use crate::{
    cli::Place,
    support::{AUTH, Answer, Client, PASSWORD, TestApp},
};

const URL: &str = "https://example.com/auth/id-1.0_~";
const PATH: &str = "/auth/id-1.0_~";
const QUERY: &str = "graphql?query=%7B__typename%7D";
const REFRESH: &str = "mutation { it: refresh { accessToken refreshToken errors { code } } }";
const LOGOUT: &str = "mutation { it: logout { errors { code } } }";

async fn app(configure: impl FnOnce(&mut HttpConfig)) -> TestApp {
    TestApp::with(|config| {
        config.http.public_url = Some(URL.to_owned());
        configure(&mut config.http);
    })
    .await
}

async fn start() -> TestApp {
    app(|_| ()).await
}

/// A client of the endpoint below the path.
fn client(app: &TestApp) -> Client {
    app.anonymous().at(app.url(&format!("{PATH}/graphql")))
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.request("GET", path, &[]).await
}

#[tokio::test]
async fn every_route_is_below_the_path_and_nowhere_else() {
    let app = start().await;
    for route in [
        QUERY,
        "",
        "playground.js",
        "playground.css",
        ".well-known/jwks.json",
        ".well-known/openid-configuration",
        ".well-known/oauth-authorization-server",
    ] {
        let below = format!("{PATH}/{route}");
        assert_eq!(get(&app, &below).await.status, 200, "{below}");
        let refused = app.request("DELETE", below.split('?').next().unwrap_or_default(), &[]).await;
        refused.assert_not_executed(405, "BAD_USER_INPUT");
        for prefix in ["/", "/auth/", "/auth/id-1.0_~x/", "/AUTH/id-1.0_~/", "//auth/id-1.0_~/"] {
            let outside = format!("{prefix}{route}");
            get(&app, &outside).await.assert_not_executed(404, "BAD_USER_INPUT");
        }
        get(&app, &format!("{PATH}{below}")).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
    let refused = get(&app, &format!("{PATH}/nope")).await;
    refused.assert_not_executed(404, "BAD_USER_INPUT");
    assert!(
        refused.body.to_string().contains(&format!("The GraphQL endpoint is {PATH}/graphql.")),
        "{refused:?}"
    );
    let mut ada = client(&app);
    ada.register("ada", PASSWORD).await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_schema_of_another_program_is_below_the_path_as_well() {
    let app = start().await;
    let served = app.also_serve(router(&app.app, app.app.schema())).await;
    served.ask("{ __typename }").await.assert_not_executed(404, "BAD_USER_INPUT");
    let url = format!("http://{}{PATH}/graphql", served.address());
    served.at(url).ask("{ __typename }").await.assert_done();
}

#[tokio::test]
async fn probes_are_at_the_root_and_below_the_path_and_may_name_any_host() {
    let app = app(|http| http.hosts = vec!["id.internal".to_owned()]).await;
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/", 421), ("/auth/healthz", 421)] {
        for base in ["", PATH] {
            let answer = app.request("GET", &format!("{base}{path}"), &[("host", "10.0.0.7")]).await;
            assert_eq!(answer.status, status, "{base}{path}");
        }
    }
    let refused = app.request("GET", "/auth/healthz", &[("host", "example.com")]).await;
    refused.assert_not_executed(404, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_token_is_verified_by_what_each_place_of_discovery_says() {
    let app = start().await;
    let mut ada = client(&app);
    ada.register("ada", PASSWORD).await.assert_done();
    let token = ada.token.as_deref().expect("a token");
    for name in ["openid-configuration", "oauth-authorization-server"] {
        for path in [format!("/.well-known/{name}{PATH}"), format!("{PATH}/.well-known/{name}")] {
            let answer = app.request("GET", &path, &[("origin", "https://elsewhere.example")]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
            let document = answer.body;
            assert_eq!(document["issuer"], URL, "{path}");
            assert_eq!(document["graphql_endpoint"], format!("{URL}/graphql"), "{path}");
            let keys = document["jwks_uri"].as_str().and_then(|uri| uri.strip_prefix("https://example.com"));
            let keys = get(&app, keys.expect("a URL of the server")).await.body;
            let keys: JwkSet = serde_json::from_value(keys).expect("a key set");
            let kid = decode_header(token).expect("a header").kid.expect("a kid");
            let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key")).expect("a key");
            let mut validation = Validation::new(Algorithm::EdDSA);
            validation.set_issuer(&[document["issuer"].as_str().expect("text")]);
            validation.set_audience(&["portcullis"]);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            jsonwebtoken::decode::<Value>(token, &key, &validation).expect("the token verifies");
        }
    }
}

/// Signs in with a cookie; gives the answer.
async fn sign_in(app: &TestApp) -> Answer {
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    client(app).mutate("register", input, AUTH).await
}

/// A browser that has nothing but the cookie of an answer.
fn browser(app: &TestApp, answer: &Answer) -> Client {
    let (name, token, _) = answer.assert_done().cookie().expect("a cookie");
    client(app).header("cookie", &format!("{name}={token}"))
}

#[tokio::test]
async fn the_cookie_below_a_path_is_for_that_path_and_for_tls() {
    let app = start().await;
    let signed_in = sign_in(&app).await;
    let refreshed = browser(&app, &signed_in).ask(REFRESH).await;
    let signed_out = browser(&app, &refreshed).ask(LOGOUT).await;
    let path = format!("Path={PATH}");
    for answer in [&signed_in, &refreshed, &signed_out] {
        let (name, _, attributes) = answer.assert_done().cookie().expect("a cookie");
        assert_eq!(name, "__Secure-portcullis_refresh");
        assert_eq!(attributes[..4], ["HttpOnly", "SameSite=Strict", "Secure", &path]);
    }
    let (_, value, attributes) = signed_out.cookie().expect("a cookie");
    assert_eq!((value, attributes[4]), ("", "Max-Age=0"));
}

#[tokio::test]
async fn a_cookie_of_another_name_does_not_count_below_a_path() {
    let app = start().await;
    let signed_in = sign_in(&app).await;
    let (_, token, _) = signed_in.cookie().expect("a cookie");
    let others = format!("__Host-portcullis_refresh={token}; portcullis_refresh={token}");
    let refused = client(&app).header("cookie", &others).ask(REFRESH).await;
    refused.assert_refused("INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn a_plain_cookie_below_a_path_is_for_that_path() {
    let app = app(|http| {
        http.public_url = Some(format!("http://localhost:4000{PATH}"));
        http.cookies = Cookies::Plain;
    })
    .await;
    let signed_in = sign_in(&app).await;
    let (name, _, attributes) = signed_in.assert_done().cookie().expect("a cookie");
    assert_eq!(name, "portcullis_refresh");
    assert_eq!(attributes[..3], ["HttpOnly", "SameSite=Strict", &format!("Path={PATH}")]);
    browser(&app, &signed_in).ask(REFRESH).await.assert_done();
}

#[tokio::test]
async fn the_page_is_behind_the_slash_and_its_files_are_beside_it() {
    let app = start().await;
    let page = get(&app, &format!("{PATH}/")).await;
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    let html = page.body.as_str().expect("a page").to_owned();
    for (file, kind) in [("playground.js", "text/javascript"), ("playground.css", "text/css")] {
        assert!(html.contains(&format!("\"./{file}\"")), "{html}");
        let answer = get(&app, &format!("{PATH}/{file}")).await;
        assert!(answer.status == 200 && answer.header("content-type").starts_with(kind), "{file}");
    }
    assert!(!html.contains("=\"/"), "nothing in the page is relative to the root");
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
    let redirected = app.raw(request.as_bytes()).await;
    assert_eq!((redirected.status, redirected.header("location")), (307, &*format!("{PATH}/")));

    let without = TestApp::with(|config| {
        config.http.public_url = Some(URL.to_owned());
        config.graphql.playground = false;
    })
    .await;
    for path in [PATH.to_owned(), format!("{PATH}/")] {
        get(&without, &path).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
}

#[test]
fn a_public_url_whose_path_cannot_be_served_stops_the_start() {
    for path in [
        "/",
        "/id/",
        "//id",
        "/id//x",
        "/.",
        "/id/..",
        "/../id",
        "/.well-known",
        "/.well-known/oauth-authorization-server",
        "/healthz",
        "/readyz",
        "/id?x",
        "?x",
        "/id#x",
        "#x",
        "/i d",
        "/i%64",
        "/{id}",
        "/{*id}",
        "/:id",
        "/*id",
        "/id;x",
        "/id,Domain=x",
        "/id\\x",
        "/íd",
        "/id\r\nx",
    ] {
        let url = format!("https://example.com{path}");
        let error = Place::bare().with("PORTCULLIS_HTTP__PUBLIC_URL", url).run("config").failed();
        assert!(error.contains("http.public_url must be http:// or https://"), "{path}: {error}");
    }
    for url in [URL, "https://example.com/id", "http://localhost:4000/healthz/x", "https://example.com/a/B~c"]
    {
        let shown = Place::bare().with("PORTCULLIS_HTTP__PUBLIC_URL", url).run("config").done();
        assert!(shown.contains(url), "{shown}");
    }
}
