use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::etag;
use crate::{config::Config, tokens::Keyring};

/// The header that lets pages of any site read the response.
pub(super) const CROSS_ORIGIN_READABLE: [(HeaderName, &str); 1] =
    [(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin")];

/// `GET /.well-known/jwks.json`: the keys that verify access tokens (RFC 7517 §5).
pub(crate) async fn jwks(State(keyring): State<Arc<Keyring>>, headers: HeaderMap) -> Response {
    public(&headers, &keyring.jwks())
}

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`: the metadata of the
/// server (RFC 8414 §2). It lists only features that exist. With a base path, both are also served at the root, with
/// the base path at the end (RFC 8414 §3.1).
pub(crate) async fn discovery(
    State(config): State<Arc<Config>>,
    State(keyring): State<Arc<Keyring>>,
    headers: HeaderMap,
) -> Response {
    public(&headers, &document(&config, &keyring))
}

/// `GET /.well-known/webauthn`: the origins of the pages that may use our passkeys (WebAuthn Level 3 §5.11).
pub(crate) async fn related_origins(State(config): State<Arc<Config>>, headers: HeaderMap) -> Response {
    let mut origins = config.passkey_origins();
    // Apps have an origin, but no page.
    origins.retain(|origin| origin.contains("://"));
    public(&headers, &json!({ "origins": origins }))
}

fn public(request_headers: &HeaderMap, document: &impl Serialize) -> Response {
    let json = HeaderValue::from_static("application/json");
    let body = serde_json::to_vec(document).unwrap_or_default();
    (
        CROSS_ORIGIN_READABLE,
        etag::cacheable_response(request_headers, "public, max-age=300", json, body.into()),
    )
        .into_response()
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
    let mut claims = vec![
        "iss",
        "aud",
        "sub",
        "sid",
        "jti",
        "iat",
        "exp",
        "auth_time",
        "acr",
        "amr",
        "scope",
        "roles",
        "username",
    ];
    if !config.tokens.status_list_ttl.is_zero() {
        claims.push("status");
    }
    json!({
        "issuer": config.issuer(),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "graphql_endpoint": format!("{url}/graphql"),
        "scopes_supported": scopes,
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claims_supported": claims,
    })
}
