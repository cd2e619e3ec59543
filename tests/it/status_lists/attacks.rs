//! Attacks on status lists.

use std::time::Instant;

use serde_json::json;

use super::{PUBLIC_URL, fetch, is_revoked, place};
use crate::support::{Forge, TestApp, decode, spawn_all, write_pem};

#[tokio::test]
async fn a_list_is_no_access_token_and_an_access_token_no_list() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let list = fetch(&app, &place(&ada).uri).await;
    let list = list.body.as_str().expect("a JWT");
    app.anonymous().bearing(list).me().await.assert_unauthenticated("TOKEN_INVALID");
    // Whoever checks a list looks at its type.
    assert_eq!(decode(ada.token.as_ref().expect("a token")).0["typ"], "at+jwt");
    assert_eq!(decode(list).0["typ"], "statuslist+jwt");
}

#[tokio::test]
async fn all_claims_of_an_access_token_in_a_list_make_no_access_token() {
    let (forge, folder) = (Forge::new(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("key.pem");
    write_pem(&file, &forge.pkcs8(), 0o600);
    let app = TestApp::with(|config| config.tokens.signing_key_file = Some(file)).await;
    let ada = app.signed_in("ada").await;
    let (mut header, claims) = decode(ada.token.as_ref().expect("a token"));
    app.anonymous().bearing(&forge.sign(&header, &claims)).me().await.assert_done();
    header["typ"] = json!("statuslist+jwt");
    app.anonymous().bearing(&forge.sign(&header, &claims)).me().await.assert_unauthenticated("TOKEN_INVALID");
}

#[tokio::test]
async fn another_index_in_a_token_breaks_its_signature() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let token = ada.token.as_ref().expect("a token");
    let (header, mut claims) = decode(token);
    claims["status"]["status_list"]["idx"] = json!(0);
    let signature = token.rsplit('.').next().expect("a signature");
    let forged = format!("{}.{signature}", crate::support::unsigned(&header, &claims));
    app.anonymous().bearing(&forged).me().await.assert_unauthenticated("TOKEN_INVALID");
}

#[tokio::test]
async fn a_path_that_is_no_shard_is_not_found() {
    let app = TestApp::start().await;
    for shard in
        ["16", "00", "+1", "-1", "1.0", "4294967295", "4294967296", "a", "%30%00", "..%2f0", "0/0", ""]
    {
        let answer = app.request("GET", &format!("/status-lists/{shard}"), &[]).await;
        assert_eq!(answer.status, 404, "{shard}");
        assert_eq!(answer.header("etag"), "");
    }
}

#[tokio::test]
async fn polling_signs_nothing_and_keeps_nothing() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let list = fetch(&app, &place(&ada).uri).await.body;
    let began = Instant::now();
    let (url, client) = (app.url(""), reqwest::Client::new());
    let poll = |number: usize| {
        let (client, url) = (client.clone(), format!("{url}/status-lists/{}", number % 32));
        async move { client.get(url).send().await.expect("an answer").status().as_u16() }
    };
    let answers = spawn_all((0..1000).map(poll)).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 504, "16 shards of 32 exist");
    assert_eq!(answers.iter().filter(|status| **status == 404).count(), 496);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(fetch(&app, &place(&ada).uri).await.body, list, "the same signature");
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_list_names_nobody() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert!(is_revoked(&app, &place(&ada)).await);
    let list = fetch(&app, &place(&ada).uri).await;
    let text = decode(list.body.as_str().expect("a JWT")).1.to_string();
    for secret in ["ada", ada.user_id.as_str(), ada.session_id.as_str()] {
        assert!(!text.replace(PUBLIC_URL, "").contains(&format!("\"{secret}")), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_the_revocations_publishes_no_list() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let path = place(&ada).uri.replace(PUBLIC_URL, "");
    let sql = "ALTER TABLE token_statuses RENAME TO elsewhere";
    sea_orm::ConnectionTrait::execute_unprepared(app.app.database.writer(), sql).await.expect("done");
    assert_eq!(app.request("GET", &path, &[]).await.status, 200, "nothing was revoked");
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    let answer = app.request("GET", &path, &[]).await;
    assert_eq!((answer.status, answer.header("retry-after"), answer.header("etag")), (503, "1", ""));
    let sql = "ALTER TABLE elsewhere RENAME TO token_statuses";
    sea_orm::ConnectionTrait::execute_unprepared(app.app.database.writer(), sql).await.expect("done");
    assert!(is_revoked(&app, &place(&ada)).await, "nothing was lost");
}
