//! Valid tokens in the wrong place, and tokens of the wrong kind.

use serde_json::json;

use super::{MALFORMED, Scene};
use crate::support::AUTH;

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let scene = Scene::set().await;
    let refresh_token = scene.ada.kept();
    let [header, claims, _] = scene.parts();
    scene.assert_refused(refresh_token, MALFORMED).await;
    scene.assert_refused(&format!("{header}.{claims}.{refresh_token}"), super::INVALID).await;
    scene.ada.refresh_with(refresh_token).await.assert_done();
}

#[tokio::test]
async fn an_access_token_is_no_refresh_token() {
    let scene = Scene::set().await;
    let [header, claims, signature] = scene.parts();
    let client = scene.app.anonymous();
    for token in [
        scene.token().to_owned(),
        format!("prt_{}", scene.token()),
        format!("prt_{signature}"),
        format!("prt_{header}{claims}"),
        format!("{}A", scene.ada.kept()),
        scene.ada.kept().replacen("prt_", "PRT_", 1),
        format!(" {}", scene.ada.kept()),
        format!("{}\0", scene.ada.kept()),
        "a".repeat(200_000),
    ] {
        client.refresh_with(&token).await.assert_refused("INVALID_REFRESH_TOKEN");
        let logout = client.mutate("logout", json!({ "refreshToken": token }), "errors { code }").await;
        logout.assert_refused("INVALID_REFRESH_TOKEN");
        if token.bytes().all(|byte| byte.is_ascii_graphic()) && token.len() < 5000 {
            let browser =
                scene.app.anonymous().header("cookie", &format!("__Host-portcullis_refresh={token}"));
            let refresh = format!("mutation {{ it: refresh {{ {AUTH} }} }}");
            browser.ask(&refresh).await.assert_refused("INVALID_REFRESH_TOKEN");
        }
    }
    let huge = client.refresh_with(&"a".repeat(1024 * 1024)).await;
    huge.assert_not_executed(413, "OPERATION_LIMIT_EXCEEDED");
    scene.ada.me().await.assert_done();
    scene.ada.refresh_with(scene.ada.kept()).await.assert_done();
}

#[tokio::test]
async fn a_token_counts_in_the_header_only() {
    let scene = Scene::set().await;
    let token = scene.token();
    for path in [
        format!("/graphql?query={{me{{id}}}}&access_token={token}"),
        format!("/graphql?query={{me{{id}}}}&authorization=Bearer%20{token}"),
        format!("/graphql?query={{me{{id}}}}&extensions={{\"authorization\":\"Bearer%20{token}\"}}"),
    ] {
        scene.app.anonymous().get(&path).await.assert_unauthenticated("TOKEN_MISSING");
    }
    let bearer = format!("Bearer {token}");
    for body in [
        json!({ "query": "{ me { id } }", "access_token": token, "authorization": bearer }),
        json!({ "query": "{ me { id } }", "variables": { "access_token": token, "authorization": bearer } }),
        json!({ "query": "{ me { id } }", "extensions": { "access_token": token, "authorization": bearer } }),
        json!({ "query": "{ me { id } }", "extensions": { "headers": { "authorization": bearer } } }),
    ] {
        scene.app.anonymous().send(&body).await.assert_unauthenticated("TOKEN_MISSING");
    }
    for (name, value) in [
        ("cookie", format!("access_token={token}; token={token}; authorization={bearer}")),
        ("x-authorization", bearer.clone()),
        ("proxy-authorization", bearer.clone()),
        ("x-forwarded-authorization", bearer),
    ] {
        let client = scene.app.anonymous().header(name, &value);
        client.me().await.assert_unauthenticated("TOKEN_MISSING");
    }
}
