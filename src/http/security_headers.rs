use axum::{
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue,
        header::{
            CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

/// What every answer tells a browser, unless its handler has said otherwise: that it is no page, that it is
/// what it says it is, and that it is nobody else's to embed.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// A year. Subdomains are for their own servers to decide.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Whether clients reach the server through TLS, and should never do otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsBehindTls(pub(crate) bool);

/// Gives each answer the headers that keep browsers from harm.
pub(crate) async fn security_headers(
    State(tls): State<IsBehindTls>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls.0 {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}
