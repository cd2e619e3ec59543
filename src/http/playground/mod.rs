use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Redirect, Response},
};

use super::etag::if_none_match;
use crate::config::Config;

/// The page needs nothing but its own files, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Changes with the release, so that a browser asks once a visit and downloads once a release.
const TAG: &str = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");

/// `/`: the GraphiQL page.
pub(crate) async fn playground(request: Request) -> Response {
    asset(request.headers(), "text/html; charset=utf-8", include_bytes!("index.html"))
}

/// The base path without the slash at its end: the page is behind the slash, because its files are relative to it.
pub(crate) async fn to_playground(State(config): State<Arc<Config>>) -> Redirect {
    Redirect::temporary(&format!("{}/", config.http.base_path()))
}

/// The files that the page loads, by their path.
pub(crate) async fn playground_asset(request: Request) -> Response {
    let headers = request.headers();
    if request.uri().path().ends_with("/playground.css") {
        return asset(headers, "text/css; charset=utf-8", include_bytes!("playground.css"));
    }
    asset(headers, "text/javascript; charset=utf-8", include_bytes!("playground.js"))
}

fn asset(headers: &HeaderMap, content_type: &'static str, bytes: &'static [u8]) -> Response {
    let described: [(HeaderName, &str); 3] =
        [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache"), (ETAG, TAG)];
    if if_none_match(headers, &HeaderValue::from_static(TAG)) {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    (described, [(CONTENT_TYPE, content_type)], bytes).into_response()
}
