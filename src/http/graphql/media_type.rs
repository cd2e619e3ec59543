use axum::http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};

/// The media type of a GraphQL response (GraphQL over HTTP §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// `application/json`: the status shows only whether the request was well-formed.
    Json,
    /// `application/graphql-response+json`: the status shows whether the request was executed.
    GraphqlResponse,
}

impl MediaType {
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }

    /// The media type that the client prefers. `None` if it accepts neither.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        let mut ranges =
            headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        let mut best: Option<(f32, Self)> = None;
        let mut is_given = false;
        for range in ranges.by_ref().map(str::trim).filter(|range| !range.is_empty()) {
            is_given = true;
            let mut parts = range.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default();
            let is = |name: &str| range.eq_ignore_ascii_case(name);
            let media = if is("application/graphql-response+json") {
                Self::GraphqlResponse
            } else if is("application/json") || is("application/*") || is("*/*") {
                Self::Json
            } else {
                continue;
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            if quality > 0.0 && best.is_none_or(|(best, _)| quality > best) {
                best = Some((quality, media));
            }
        }
        // A client without an Accept header predates the specification, and accepts JSON.
        if is_given { best.map(|(_, media)| media) } else { Some(Self::Json) }
    }
}

/// Whether the client accepts `text/event-stream` by name. `*/*` does not include it.
pub(super) fn accepts_events(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    ranges.flat_map(|ranges| ranges.split(',')).any(|range| {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        parts.next().as_deref() == Some("text/event-stream")
            && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)))
    })
}

/// Whether the Content-Type of a request is JSON in UTF-8, in any of the spellings that clients use.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let is_charset = |name: &str| name.trim_end().eq_ignore_ascii_case("charset");
    let is_utf8 = |value: &str| {
        let value = value.trim_start().trim_matches(['"', '\'']);
        value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
    };
    parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| {
            parameter.split_once('=').is_none_or(|(name, value)| !is_charset(name) || is_utf8(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_the_media_type_that_it_prefers() {
        let negotiate = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a header"));
            MediaType::negotiate(&headers)
        };
        assert_eq!(MediaType::negotiate(&HeaderMap::new()), Some(MediaType::Json));
        assert_eq!(negotiate("*/*"), Some(MediaType::Json));
        assert_eq!(
            negotiate("application/graphql-response+json, application/json;q=0.9"),
            Some(MediaType::GraphqlResponse)
        );
        assert_eq!(
            negotiate("application/graphql-response+json;q=0.5, application/json"),
            Some(MediaType::Json)
        );
        assert_eq!(negotiate("text/html"), None);
        assert_eq!(negotiate("application/json;q=0"), None);
    }
}
