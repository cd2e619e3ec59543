//! A token as a bearer token: over every transport, and forged ones.

use axum::{Router, routing::get};
use portcullis::{Portcullis, RequiredClaims, TokenRejection};
use serde_json::json;

use super::{create, revoke};
use crate::support::{Socket, TestApp};

async fn greeting(RequiredClaims(claims): RequiredClaims) -> Result<String, TokenRejection> {
    claims.require_scope("users:read")?;
    Ok(format!("{} {:?}", claims.username, claims.roles))
}

#[tokio::test]
async fn a_token_authenticates_sockets_event_streams_and_the_routes_of_an_application() {
    let routes = Router::new().route("/greeting", get(greeting));
    let app = TestApp::of(Portcullis::builder().routes(routes)).await;
    let ada = app.admin().await;
    let (pat, without) = (create(&app, &ada, &["users:read"]).await, create(&app, &ada, &[]).await);

    let header = |token: &str| format!("Bearer {token}");
    let answer = app.request("GET", "/greeting", &[("authorization", &header(&pat.token))]).await;
    assert_eq!((answer.status, answer.body), (200, json!("root []")));
    let answer = app.request("GET", "/greeting", &[("authorization", &header(&without.token))]).await;
    assert_eq!(answer.status, 403);

    let mut socket = Socket::open(&pat.client).await;
    socket.subscribe("1", "{ users { totalCount } }").await;
    assert_eq!(socket.next("1").await["data"]["users"]["totalCount"], 1);
    assert_eq!(socket.message().await["type"], "complete");
    let mut events = pat.client.follow("subscription { accountEvents { action } }").await;
    events.part().await.expect("the stream is open");

    revoke(&ada, &pat.id).await.assert_done();
    assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()));
    let answer = app.request("GET", "/greeting", &[("authorization", &header(&pat.token))]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").contains("invalid_token"));
}

#[tokio::test]
async fn a_token_has_its_scopes_and_no_others() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let pat = create(&app, &root, &["audit:read"]).await;
    pat.client.ask("{ auditEvents { nodes { id } } }").await.assert_done();
    let answer = pat.client.ask("{ users { totalCount } }").await;
    answer.assert_failed("FORBIDDEN");
    assert_eq!(answer.error()["requiredScopes"], json!([["users:read"]]));
}

#[tokio::test]
async fn a_forged_token_is_invalid_and_a_wrong_checksum_is_not_looked_up() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let pat = create(&app, &ada, &[]).await;
    let other = TestApp::start().await;
    let foreign = create(&other, &other.signed_in("ada").await, &[]).await;
    app.anonymous().bearing(&foreign.token).me().await.assert_unauthenticated("TOKEN_INVALID");
    foreign.client.me().await.assert_done();

    // Without a database, a token that would be looked up cannot be verified.
    app.app.database.close().await;
    let replaced = if pat.token.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{replaced}", &pat.token[..40]);
    let long = format!("{}{}", pat.token, "a".repeat(5000));
    for forged in [&*wrong, &pat.token[..40], &long, "ppat_", &pat.token.replace("ppat", "ppat_")] {
        app.anonymous().bearing(forged).me().await.assert_unauthenticated("TOKEN_INVALID");
    }
    let uppercase = pat.token.replace("ppat_", "PPAT_");
    app.anonymous().bearing(&uppercase).me().await.assert_unauthenticated("TOKEN_MALFORMED");
    pat.client.me().await.assert_failed("SERVICE_UNAVAILABLE");
}
