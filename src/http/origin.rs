use std::time::Duration;

use axum::http::{
    HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER},
    request::Parts,
    uri::Authority,
};
use tower_http::cors::{AllowCredentials, Any, CorsLayer};

use super::request::PREFLIGHT_HEADERS;
use crate::config::HttpConfig;

/// How long a browser may remember what another site may do here: the longest that any does.
const REMEMBERED: Duration = Duration::from_hours(2);

/// Whether a browser says that the request comes from a page of another origin, and one that
/// `http.cors_origins` does not list. SameSite lets the cookie through from all hosts of the same domain.
///
/// What is no browser sends neither header. `Sec-Fetch-Site` decides where both are there, for a proxy that
/// rewrites `Host` does not change it; older browsers, and pages without TLS, send the `Origin` alone.
pub(super) fn is_foreign(parts: &Parts, config: &HttpConfig) -> bool {
    let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let origin = text(ORIGIN);
    if origin.is_some_and(|origin| origin == config.public_url() || is_listed(config, origin)) {
        return false;
    }
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => !["same-origin", "none"].contains(&site),
        None => {
            let host = text(HOST).or_else(|| parts.uri.authority().map(Authority::as_str));
            origin.is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != host)
        }
    }
}

fn is_listed(config: &HttpConfig, origin: &str) -> bool {
    config.cors_origins.iter().any(|listed| listed == origin)
}

/// Lets the pages of the listed origins use the API, with cookies.
pub(crate) fn listed_origins(config: &HttpConfig) -> CorsLayer {
    let origins = config.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let listed = config.clone();
    let last_event = HeaderName::from_static("last-event-id");
    let headers = PREFLIGHT_HEADERS.map(HeaderName::from_static).into_iter().chain([last_event]);
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_credentials(AllowCredentials::predicate(move |origin, _| {
            origin.to_str().is_ok_and(|origin| is_listed(&listed, origin))
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE].into_iter().chain(headers).collect::<Vec<_>>())
        .expose_headers([HeaderName::from_static("x-request-id"), RETRY_AFTER])
        .max_age(REMEMBERED)
}

/// Lets the pages of every origin read what is public anyway, without cookies.
pub(crate) fn any_origin() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).max_age(REMEMBERED)
}
