use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};

/// Default security headers (CSP, nosniff, framing, CORP, COOP). A handler may override them.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// HTTP Strict Transport Security (RFC 6797) for one year. Subdomains are excluded, because other servers may run
/// there.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the security headers to the headers of a response. `is_behind_tls`: whether clients reach the server through TLS,
/// and must never connect without it.
pub(super) fn add_security_headers(headers: &mut HeaderMap, is_behind_tls: bool) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_behind_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}
