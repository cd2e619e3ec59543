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

/// The Content-Security-Policy of the page. It loads only its own files, and no page may frame it (clickjacking).
const CONTENT_SECURITY_POLICY_VALUE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The `ETag` of the files. It changes with the release, so a browser revalidates on each visit and downloads once per
/// release.
const RELEASE_ETAG: &str = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");

/// `GET /`: the GraphiQL page.
pub(crate) async fn playground(request: Request) -> Response {
    asset(request.headers(), "text/html; charset=utf-8", include_bytes!("playground/index.html"))
}

/// Redirects the base path to the base path with a final slash. The page is there, because its files are relative to
/// it.
pub(crate) async fn to_playground(State(config): State<Arc<Config>>) -> Redirect {
    Redirect::temporary(&format!("{}/", config.http.base_path()))
}

/// The style sheet and the script of the page, by their path.
pub(crate) async fn playground_asset(request: Request) -> Response {
    let headers = request.headers();
    if request.uri().path().ends_with("/playground.css") {
        return asset(headers, "text/css; charset=utf-8", include_bytes!("playground/playground.css"));
    }
    asset(headers, "text/javascript; charset=utf-8", include_bytes!("playground/playground.js"))
}

fn asset(headers: &HeaderMap, content_type: &'static str, bytes: &'static [u8]) -> Response {
    let common_headers: [(HeaderName, &str); 3] = [
        (CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_VALUE),
        (CACHE_CONTROL, "no-cache"),
        (ETAG, RELEASE_ETAG),
    ];
    if if_none_match(headers, &HeaderValue::from_static(RELEASE_ETAG)) {
        return (StatusCode::NOT_MODIFIED, common_headers).into_response();
    }
    (common_headers, [(CONTENT_TYPE, content_type)], bytes).into_response()
}
