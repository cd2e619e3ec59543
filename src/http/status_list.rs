use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, RETRY_AFTER, VARY},
    },
    response::{IntoResponse, Response},
};

use super::{discovery::CROSS_ORIGIN_READABLE, etag, graphql::not_found, trace::RequestId};
use crate::{config::Config, status_lists::StatusLists, tokens::StatusListClaims};

/// `GET /status-lists/{shard}`: a signed list of revoked access tokens (draft-ietf-oauth-status-list §8.1).
pub(crate) async fn status_list(
    State(lists): State<Option<Arc<StatusLists>>>,
    State(config): State<Arc<Config>>,
    Extension(id): Extension<RequestId>,
    Path(shard): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (Some(lists), Some(shard)) = (lists, parse(&shard)) else {
        return not_found(State(config), Extension(id)).await;
    };
    if asks_for_the_past(&uri) {
        return (StatusCode::NOT_IMPLEMENTED, CROSS_ORIGIN_READABLE).into_response();
    }
    let list = match lists.list(shard).await {
        Ok(Some(list)) => list,
        Ok(None) => return not_found(State(config), Extension(id)).await,
        Err(error) => {
            tracing::warn!(%error, shard, "cannot publish a status list");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return (status, CROSS_ORIGIN_READABLE, [(RETRY_AFTER, "1")]).into_response();
        }
    };
    let media_type = HeaderValue::from_static(StatusListClaims::MEDIA_TYPE);
    let cache_control = format!("public, max-age={}", lists.ttl().as_secs());
    let vary = [(VARY, "accept-encoding")];
    if accepts_gzip(&headers) {
        let mut response = etag::cacheable_response(&headers, &cache_control, media_type, list.gzip.clone());
        if response.status() == StatusCode::OK {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        (CROSS_ORIGIN_READABLE, vary, response).into_response()
    } else {
        let response = etag::cacheable_response(&headers, &cache_control, media_type, list.token.clone());
        (CROSS_ORIGIN_READABLE, vary, response).into_response()
    }
}

/// The number of a shard, in the one spelling that tokens contain.
fn parse(text: &str) -> Option<u32> {
    text.parse().ok().filter(|shard: &u32| shard.to_string() == text)
}

/// Whether the request has the parameter `time`, which asks for a list of the past. The draft wants 501 from servers that
/// do not keep them (§8.4).
fn asks_for_the_past(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| parameter.split('=').next() == Some("time"))
}

/// Whether the client accepts gzip (RFC 9110 §12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    let mut of_any = None;
    for coding in lists.flat_map(|list| list.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let is_accepted = weight.is_ok_and(|weight| weight > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_accepted,
            "*" => of_any = Some(is_accepted),
            _ => {}
        }
    }
    of_any.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_clients_that_accept_it() {
        let accepts = |value: &str| {
            let value = value.parse().expect("a header");
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
        };
        for value in
            ["gzip", "GZIP", "br, gzip", "deflate, gzip;q=0.5", "x-gzip", "*", "gzip; q=1.0", "*;q=0, gzip"]
        {
            assert!(accepts(value), "{value}");
        }
        for value in ["", "br", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzip;q=x", "gzipped"] {
            assert!(!accepts(value), "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_shard_has_one_url() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("17"), Some(17));
        for text in ["", "00", "+1", "-1", " 1", "1.0", "0x1", "4294967296", "a"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
