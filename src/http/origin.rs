use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, ORIGIN, RETRY_AFTER,
    },
    request::Parts,
    uri::Authority,
};
use tower_http::cors::{AllowCredentials, AllowOrigin, Any, CorsLayer};

use super::graphql::CSRF_HEADERS;
use crate::config::{HttpConfig, WebOrigin};

/// The time for which a browser may cache a preflight response: the maximum that any browser accepts.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// Request headers of GraphQL clients, and of tools that trace requests from the page to the server.
const CLIENT_HEADERS: [&str; 13] = [
    "apollographql-client-name",
    "apollographql-client-version",
    "graphql-client-name",
    "graphql-client-version",
    "x-graphql-client-name",
    "x-graphql-client-version",
    "x-apollo-operation-id",
    "last-event-id",
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
];

/// The origins whose pages may use the cookie of their user: the server's own, and those in `http.cors_origins`.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    own: Option<WebOrigin>,
    listed: Vec<WebOrigin>,
}

impl Origins {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let listed = config.cors_origins.iter().filter_map(|origin| WebOrigin::parse(origin));
        Self { own: WebOrigin::of_url(&config.public_url()), listed: listed.collect() }
    }

    /// Whether the request comes from a page of another origin that `http.cors_origins` does not list. The check is
    /// needed because SameSite allows the cookie from all hosts of the same domain.
    ///
    /// Clients other than browsers send neither header. If both are present, `Sec-Fetch-Site` decides, because a proxy
    /// that rewrites `Host` does not change it. Older browsers, and pages without TLS, send only `Origin`.
    pub(super) fn is_cross_origin(&self, parts: &Parts) -> bool {
        let (Ok(origin), Ok(site)) =
            (single(&parts.headers, &ORIGIN), single(&parts.headers, &SEC_FETCH_SITE))
        else {
            return true;
        };
        let parsed = origin.and_then(WebOrigin::parse);
        if parsed.as_ref().is_some_and(|origin| self.own.as_ref() == Some(origin) || self.lists(origin)) {
            return false;
        }
        match (site, origin) {
            (Some(site), _) => !["same-origin", "none"].contains(&site),
            (None, None) => false,
            (None, Some(_)) => !parsed.is_some_and(|origin| self.is_addressed(&origin, parts)),
        }
    }

    fn lists(&self, origin: &WebOrigin) -> bool {
        self.listed.contains(origin)
    }

    /// Whether a request is addressed to the origin of its page. At the public host, the scheme must be the public
    /// one, because an attacker in the network can forge a page without TLS. At another host the scheme is not known.
    fn is_addressed(&self, origin: &WebOrigin, parts: &Parts) -> bool {
        let host = single(&parts.headers, &HOST).ok().flatten();
        let Some(host) = host.or_else(|| parts.uri.authority().map(Authority::as_str)) else { return false };
        let is_public = self.own.is_some() && self.own.as_ref().and_then(|own| own.at(host)) == self.own;
        !is_public && origin.is_of_server() && origin.at(host).as_ref() == Some(origin)
    }

    /// Whether the value of an `Origin` header is a listed origin.
    fn lists_value(&self, value: &HeaderValue) -> bool {
        value.to_str().ok().and_then(WebOrigin::parse).is_some_and(|origin| self.lists(&origin))
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of a header that no browser sends twice. An error if it occurs twice.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap_or_default());
    if values.next().is_some() { Err(()) } else { Ok(value) }
}

/// Lets the pages of the listed origins use the API, with cookies.
pub(crate) fn api_cors(config: &HttpConfig) -> CorsLayer {
    let origins = Origins::new(config);
    let with_cookies = origins.clone();
    let names = CSRF_HEADERS.into_iter().chain(CLIENT_HEADERS).map(HeaderName::from_static);
    let own_names = config.cors_headers.iter().filter_map(|name| name.parse().ok());
    let standard = [ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, IF_NONE_MATCH];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| origins.lists_value(origin)))
        .allow_credentials(AllowCredentials::predicate(move |origin, _| with_cookies.lists_value(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(standard.into_iter().chain(names).chain(own_names).collect::<Vec<_>>())
        .expose_headers([HeaderName::from_static("x-request-id"), RETRY_AFTER, ETAG])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Lets the pages of every origin read public data, without cookies.
pub(crate) fn public_cors() -> CorsLayer {
    CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).max_age(PREFLIGHT_MAX_AGE)
}
