//! How lists are published: their claims, caching, compression, and headers.

use std::time::Duration;

use portcullis::config::Config;
use serde_json::json;

use super::{PUBLIC_URL, fetch, place, verified};
use crate::support::{Answer, PASSWORD, TestApp, keys};

async fn get(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    app.request("GET", "/status-lists/3", headers).await
}

#[tokio::test]
async fn a_list_is_a_jwt_of_the_draft() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let answer = fetch(&app, &place(&ada).uri).await;
    let claims = verified(&app, &answer).await;
    assert_eq!(keys(&claims), ["exp", "iat", "iss", "status_list", "sub", "ttl"]);
    assert_eq!((&claims["iss"], &claims["ttl"]), (&json!(PUBLIC_URL), &json!(60)));
    assert_eq!(claims["sub"], place(&ada).uri);
    let now = app.clock().now().timestamp();
    assert!(now - claims["iat"].as_i64().expect("a time") < 5);
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 600));
    assert_eq!(
        (&claims["status_list"]["bits"], keys(&claims["status_list"])),
        (&json!(1), vec!["bits", "lst"])
    );
    assert!(answer.body.as_str().expect("a JWT").len() < 700, "an empty list is small");
}

#[tokio::test]
async fn the_ttl_is_configured() {
    let app = TestApp::with(|config| config.tokens.status_list_ttl = Duration::from_secs(5)).await;
    let answer = get(&app, &[]).await;
    assert_eq!(verified(&app, &answer).await["ttl"], 5);
    assert_eq!(answer.header("cache-control"), "public, max-age=5");
    for ttl in [Duration::from_secs(4), Duration::from_secs(3601)] {
        let mut config = Config::default();
        config.tokens.status_list_ttl = ttl;
        let error = config.check().expect_err("it is out of bounds").to_string();
        assert!(error.contains("tokens.status_list_ttl"), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_has_the_list_gets_304() {
    let app = TestApp::start().await;
    let list = get(&app, &[]).await;
    let tag = list.header("etag").to_owned();
    for method in ["GET", "HEAD"] {
        let again = app.request(method, "/status-lists/3", &[("if-none-match", &tag)]).await;
        assert_eq!((again.status, &again.body), (304, &json!("")));
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), "public, max-age=60");
        assert_eq!(again.header("vary"), "accept-encoding");
    }
    assert_eq!(get(&app, &[("if-none-match", "\"other\"")]).await.body, list.body);
    let head = app.request("HEAD", "/status-lists/3", &[]).await;
    assert_eq!((head.status, &head.body, head.header("etag")), (200, &json!(""), tag.as_str()));
}

#[tokio::test]
async fn a_list_is_signed_again_only_when_it_must_be() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let uri = place(&ada).uri;
    let first = fetch(&app, &uri).await.body;
    app.wait(Duration::from_secs(299));
    app.signed_in("grace").await;
    assert_eq!(fetch(&app, &uri).await.body, first, "a sign-in changes no list");
    app.wait(Duration::from_secs(1));
    let second = fetch(&app, &uri).await;
    assert_ne!(second.body, first, "half of its life is over");
    let left = verified(&app, &second).await["exp"].as_i64().expect("a time") - app.clock().now().timestamp();
    assert!(left > 590, "{left}");
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_ne!(fetch(&app, &uri).await.body, second.body, "a sign-out changes it");
}

#[tokio::test]
async fn gzip_is_sent_only_to_clients_that_accept_it() {
    use flate2::read::GzDecoder;
    use std::io::Read;

    let app = TestApp::start().await;
    let plain = get(&app, &[("accept-encoding", "br, gzip;q=0")]).await;
    assert_eq!(plain.header("content-encoding"), "");
    let response = reqwest::Client::new().get(app.url("/status-lists/3")).header("accept-encoding", "gzip");
    let response = response.send().await.expect("an answer");
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-encoding"), "gzip");
    assert_eq!(header("vary"), "accept-encoding");
    assert_ne!(header("etag"), plain.header("etag"), "another representation has another ETag");
    let (tag, compressed) = (header("etag"), response.bytes().await.expect("a body"));
    let mut list = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut list).expect("gzip");
    assert_eq!(list, plain.body.as_str().expect("a JWT"));
    let again = get(&app, &[("accept-encoding", "gzip"), ("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.header("content-encoding")), (304, ""));
}

#[tokio::test]
async fn pages_of_all_sites_may_read_a_list() {
    let app = TestApp::start().await;
    let answer = get(&app, &[("origin", "https://elsewhere.example")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    let preflight = [("origin", "https://elsewhere.example"), ("access-control-request-method", "GET")];
    let answer = app.request("OPTIONS", "/status-lists/3", &preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "*"));
    assert_eq!(app.request("POST", "/status-lists/3", &[]).await.status, 405);
}

#[tokio::test]
async fn the_lists_are_below_the_base_path() {
    let app =
        TestApp::with(|config| config.http.public_url = Some("https://example.com/id".to_owned())).await;
    let mut ada = app.anonymous().at(app.url("/id/graphql"));
    ada.register("ada", PASSWORD).await.assert_done();
    let uri = place(&ada).uri;
    let path = uri.strip_prefix("https://example.com").expect("the public URL");
    let claims = verified_at(&app, path).await;
    assert_eq!(claims, uri);
}

/// The subject of the list at a path.
async fn verified_at(app: &TestApp, path: &str) -> String {
    let answer = app.request("GET", path, &[]).await;
    assert_eq!(answer.status, 200);
    crate::support::decode(answer.body.as_str().expect("a JWT")).1["sub"].as_str().expect("a URL").to_owned()
}

#[tokio::test]
async fn a_list_of_the_past_is_not_served() {
    let app = TestApp::start().await;
    assert_eq!(app.request("GET", "/status-lists/3?time=1700000000", &[]).await.status, 501);
    assert_eq!(app.request("GET", "/status-lists/3?times=1", &[]).await.status, 200);
}
