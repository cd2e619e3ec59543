use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A publicly cacheable response with an `ETag`. Returns 304 if `If-None-Match` matches (RFC 9110 §13.1.2).
pub(super) fn cacheable_response(
    request_headers: &HeaderMap,
    cache_control: &str,
    content_type: HeaderValue,
    body: Bytes,
) -> Response {
    let tag = etag(&content_type, &body);
    let cache_control = HeaderValue::from_str(cache_control).expect("a valid header");
    let headers = [(CACHE_CONTROL, cache_control), (ETAG, tag.clone())];
    if if_none_match(request_headers, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, content_type)], Body::from(body)).into_response()
}

/// The `ETag` of these bytes in this media type. It is the same on every replica.
fn etag(content_type: &HeaderValue, body: &[u8]) -> HeaderValue {
    let mut context = Context::new(&SHA256);
    context.update(content_type.as_bytes());
    context.update(body);
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..16]);
    format!("\"{hash}\"").parse().expect("base64 is valid in a header")
}

/// Whether the client has cached the response with this `ETag`. Weak `ETag` values match, because proxies that compress
/// weaken them.
pub(super) fn if_none_match(request_headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = request_headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|cached| cached == "*" || cached.trim_start_matches("W/") == tag)
}
