use aws_lc_rs::digest::{Context, SHA256};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// An answer that does not depend on who asks, with a tag by which whoever has kept it asks again. It is not sent
/// to who has it already (RFC 9110 §13.1.2).
pub(super) fn cacheable_response(
    asked: &HeaderMap,
    cache_control: &'static str,
    content_type: HeaderValue,
    body: Vec<u8>,
) -> Response {
    let tag = etag(&content_type, &body);
    let headers = [(CACHE_CONTROL, HeaderValue::from_static(cache_control)), (ETAG, tag.clone())];
    if if_none_match(asked, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, content_type)], Body::from(body)).into_response()
}

/// A tag of these bytes in this form, the same on every replica.
fn etag(content_type: &HeaderValue, body: &[u8]) -> HeaderValue {
    let mut context = Context::new(&SHA256);
    context.update(content_type.as_bytes());
    context.update(body);
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..16]);
    format!("\"{hash}\"").parse().expect("base64 may stand in a header")
}

/// Whether who asks has kept what bears this tag. Proxies that compress make tags weak.
pub(super) fn if_none_match(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut kept = lists.flat_map(|list| list.split(',')).map(str::trim);
    kept.any(|kept| kept == "*" || kept.trim_start_matches("W/") == tag)
}
