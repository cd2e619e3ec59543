//! What may be kept by browsers and proxies: what everybody is answered alike, and nothing else.

use portcullis::{audit::Actor, tokens::Start};
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
    app.app.admin.rotate_keys(None, Start::Now, Actor::COMMAND_LINE).await.expect("another key");
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
async fn who_takes_events_only_gets_a_public_answer_as_one() {
    let app = TestApp::start().await;
    let answer = get(&app, SERVER, &[("accept", "text/event-stream")]).await;
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_query_by_post_is_not_kept() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask("{ server { version } }").await;
    assert_eq!((answer.header("cache-control"), answer.headers.get("etag")), ("no-store", None));
}

#[tokio::test]
async fn a_public_answer_sets_no_cookie_and_is_the_same_for_all() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let token = ada.authorization();
    let hers = get(&app, SERVER, &[("authorization", &token)]).await;
    let anybodys = get(&app, SERVER, &[]).await;
    assert_eq!((hers.header("etag"), &hers.body), (anybodys.header("etag"), &anybodys.body));
    assert!(hers.cookie().is_none());
}
