use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header::CACHE_CONTROL},
    response::IntoResponse,
};
use serde_json::{Value, json};

use crate::{config::Config, tokens::Keyring};

/// How long others may keep what they read here, and that pages of any site may.
const PUBLIC: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "public, max-age=300"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

/// `/.well-known/jwks.json`: the keys that verify access tokens (RFC 7517 §5).
pub async fn jwks(State(keyring): State<Arc<Keyring>>) -> impl IntoResponse {
    (PUBLIC, Json(keyring.jwks()))
}

/// `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`: where things are
/// (RFC 8414 §2). Only what the server does is listed.
pub async fn discovery(
    State(config): State<Arc<Config>>,
    State(keyring): State<Arc<Keyring>>,
) -> impl IntoResponse {
    (PUBLIC, Json(document(&config, &keyring)))
}

fn document(config: &Config, keyring: &Keyring) -> Value {
    let url = config.http.public_url();
    let mut scopes: Vec<&String> = config.roles.values().flat_map(|role| &role.scopes).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let keys = keyring.jwks().keys;
    let algorithms: BTreeSet<_> = keys
        .iter()
        .filter_map(|key| key.common.key_algorithm)
        .map(|algorithm| algorithm.to_string())
        .collect();
    json!({
        "issuer": config.issuer(),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "graphql_endpoint": format!("{url}/graphql"),
        "scopes_supported": scopes,
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claims_supported": [
            "iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "scope", "roles", "username",
        ],
    })
}
