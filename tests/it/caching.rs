//! Caching: public responses have an ETag, and personal responses are never cached.

use portcullis::{audit::Actor, tokens::Activation};
use serde_json::json;

use crate::support::{Answer, TestApp};

const SERVER: &str = "/graphql?query=%7Bserver%7Bversion%7D%7D";
const KEYS: &str = "/.well-known/jwks.json";

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.request("GET", path, headers).await
}

#[tokio::test]
async fn a_public_answer_is_sent_once_to_who_keeps_it() {
    let app = TestApp::start().await;
    for path in [SERVER, KEYS, "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
    {
        let answer = get(&app, path, &[]).await;
        let tag = answer.header("etag");
        assert!(tag.len() > 20 && answer.header("cache-control").starts_with("public, max-age="), "{path}");
        for kept in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            for method in ["GET", "HEAD"] {
                let again = app.request(method, path, &[("if-none-match", &kept)]).await;
                assert_eq!((again.status, &again.body), (304, &json!("")), "{path} {kept}");
                assert_eq!(again.header("etag"), tag);
                assert_eq!(again.header("cache-control"), answer.header("cache-control"));
            }
        }
        let changed = get(&app, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!((changed.status, &changed.body), (200, &answer.body), "{path}");
    }
}

#[tokio::test]
async fn the_two_media_types_are_kept_apart() {
    let app = TestApp::start().await;
    let json = get(&app, SERVER, &[("accept", "application/json")]).await;
    let graphql = get(&app, SERVER, &[("accept", "application/graphql-response+json")]).await;
    assert_eq!(json.body, graphql.body);
    assert_ne!(json.header("etag"), graphql.header("etag"));
    assert_eq!(json.header("vary"), "accept");
}

#[tokio::test]
async fn another_key_is_another_key_set() {
    let app = TestApp::start().await;
    let before = get(&app, KEYS, &[]).await;
    app.app.admin.rotate_keys(None, Activation::Immediate, Actor::Server).await.expect("another key");
    app.app.keyring.reload().await.expect("the keys");
    let after = get(&app, KEYS, &[("if-none-match", before.header("etag"))]).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn nobody_keeps_what_is_for_one_person() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let token = ada.authorization();
    for query in [
        "{me{username}}",
        "{server{version}me{username}}",
        "{server{version}...on Query{me{username}}}",
        "{server{version}...F}fragment F on Query{me{username}}",
        "{server:me{username}}",
        "{me{username}server{version}}",
        "{node(id:\"x\"){id}}",
        "{__schema{queryType{name}}}",
        "{server{nothing}}",
        "{server{version}",
    ] {
        let path =
            format!("/graphql?query={query}").replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        for headers in [&[("authorization", token.as_str())][..], &[]] {
            let answer = get(&app, &path.replace(' ', "%20"), headers).await;
            let kept = (answer.header("cache-control"), answer.headers.get("etag"));
            assert_eq!(kept, ("no-store", None), "{query}");
        }
    }
}

#[tokio::test]
async fn a_query_by_post_is_not_kept() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask("{ server { version } }").await;
    assert_eq!((answer.header("cache-control"), answer.headers.get("etag")), ("no-store", None));
}

#[tokio::test]
async fn a_request_that_is_somebodys_has_an_answer_that_nobody_keeps() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let token = ada.authorization();
    let anybodys = get(&app, SERVER, &[]).await;
    for header in [
        ("authorization", token.as_str()),
        ("authorization", "Bearer x"),
        ("authorization", ""),
        ("cookie", "a=b"),
        ("cookie", "__Host-portcullis_refresh=prt_"),
    ] {
        let hers = get(&app, SERVER, &[header, ("if-none-match", "*")]).await;
        assert_eq!((hers.status, &hers.body), (200, &anybodys.body), "{header:?}");
        assert_eq!(
            (hers.header("cache-control"), hers.headers.get("etag")),
            ("no-store", None),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn who_takes_events_alone_gets_a_stream_that_nobody_keeps() {
    let app = TestApp::start().await;
    for path in [SERVER, "/graphql?query=%7Bme%7Bid%7D%7D"] {
        let answer = get(&app, path, &[("accept", "text/event-stream")]).await;
        assert!(answer.header("content-type").starts_with("text/event-stream"), "{path}: {answer:?}");
        assert!(answer.header("cache-control").contains("no-store"), "{path}: {answer:?}");
        assert!(answer.headers.get("etag").is_none(), "{path}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_have_answers_of_their_own() {
    let app = TestApp::with(|config| config.http.cors_origins = vec!["https://app.example.com".into()]).await;
    for headers in [&[][..], &[("origin", "https://app.example.com")], &[("origin", "https://evil.example")]]
    {
        let answer = get(&app, SERVER, headers).await;
        assert!(answer.header("cache-control").starts_with("public"), "{headers:?}");
        let vary = answer.headers.get_all("vary").iter().map(|value| value.to_str().expect("ASCII"));
        let vary = vary.collect::<Vec<_>>().join(", ").to_lowercase();
        assert!(vary.contains("accept") && vary.contains("origin"), "{headers:?}: {vary}");
    }
}
