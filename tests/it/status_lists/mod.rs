//! Status lists: what a service knows of the tokens of others that was revoked, by the draft and the key set alone.

mod attacks;
mod indexes;
mod publication;
mod revocation;

use std::collections::HashMap;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use portcullis::{
    changes::Change,
    tokens::{EncodedStatusList, StatusList},
};
use serde_json::Value;

use crate::support::{self, Answer, Client, TestApp};

/// The URL under which the test server believes that it is reached.
const PUBLIC_URL: &str = "https://id.example.com";

/// The place of a status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    uri: String,
    idx: u64,
}

/// The place that the client's access token names.
fn place(client: &Client) -> Place {
    place_in(client.token.as_ref().expect("a token"))
}

fn place_in(token: &str) -> Place {
    let (_, claims) = support::decode(token);
    let status = &claims["status"]["status_list"];
    let uri = status["uri"].as_str().expect("a URL").to_owned();
    Place { uri, idx: status["idx"].as_u64().expect("an index") }
}

/// The list at a URL, as a server of the installation gives it.
async fn fetch(app: &TestApp, uri: &str) -> Answer {
    let path = uri.strip_prefix(PUBLIC_URL).expect("a URL of the server");
    app.request("GET", path, &[]).await
}

/// The claims of a list, verified with the published keys.
async fn verified(app: &TestApp, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/statuslist+jwt");
    let token = answer.body.as_str().expect("a JWT");
    let keys = app.request("GET", "/.well-known/jwks.json", &[]).await.body;
    let keys: JwkSet = serde_json::from_value(keys).expect("keys");
    let header = decode_header(token).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("statuslist+jwt"));
    let key = keys.find(header.kid.as_deref().expect("a kid")).expect("a published key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The test has moved the clock of the server, and not that of the library.
    validation.validate_exp = false;
    validation.validate_aud = false;
    decode(token, &DecodingKey::from_jwk(key).expect("a key"), &validation).expect("a signature").claims
}

/// Whether a list says that the token at a place was revoked.
async fn is_revoked(app: &TestApp, place: &Place) -> bool {
    let claims = verified(app, &fetch(app, &place.uri).await).await;
    assert_eq!(claims["sub"], place.uri);
    let encoded: EncodedStatusList = serde_json::from_value(claims["status_list"].clone()).expect("a list");
    StatusList::decode(&encoded).expect("a list").status(place.idx).expect("in the list") == 1
}

/// All places at which the lists of the server have a revoked token.
async fn revoked_places(app: &TestApp) -> Vec<Place> {
    let mut places = Vec::new();
    for shard in 0..16 {
        let uri = format!("{PUBLIC_URL}/status-lists/{shard}");
        let claims = verified(app, &fetch(app, &uri).await).await;
        let encoded: EncodedStatusList =
            serde_json::from_value(claims["status_list"].clone()).expect("a list");
        let list = StatusList::decode(&encoded).expect("a list");
        let invalid =
            (0..).map_while(|idx| Some((idx, list.status(idx)?))).filter(|(_, status)| *status != 0);
        places.extend(invalid.map(|(idx, _)| Place { uri: uri.clone(), idx }));
    }
    places
}

/// Says that the lists and the server itself agree about these access tokens, and nothing else is revoked.
async fn assert_agreement(app: &TestApp, clients: &[&Client]) {
    let mut expected = HashMap::new();
    for client in clients {
        let is_refused = client.me().await.body.get("errors").is_some();
        assert_eq!(expected.insert(place(client), is_refused).unwrap_or(is_refused), is_refused, "one index");
        assert_eq!(is_revoked(app, &place(client)).await, is_refused, "{:?}", client.token);
    }
    let refused = expected.values().filter(|is_refused| **is_refused).count();
    assert_eq!(revoked_places(app).await.len(), refused);
}

/// Waits until a server has read the changes of another.
async fn catch_up(app: &TestApp) {
    app.app.feed.catch_up().await.expect("the database answers");
}

#[tokio::test]
async fn a_change_that_revokes_nothing_changes_no_list() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let before = fetch(&app, &place(&ada).uri).await;
    let user = ada.user_id.parse().expect("an id");
    let transaction = app.app.database.begin().await.expect("a transaction");
    app.app
        .feed
        .commit(transaction, &[Change::AccountUpdated(user), Change::KeysChanged])
        .await
        .expect("done");
    assert_eq!(fetch(&app, &place(&ada).uri).await.body, before.body);
}
