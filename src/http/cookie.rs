use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use secrecy::{ExposeSecret, SecretString};

use crate::graphql::RefreshCookie;

/// The name of the cookie. The prefix makes browsers insist on Secure, Path=/ and no Domain
/// (RFC 6265bis §4.1.3.2).
const NAME: &str = "__Host-portcullis_refresh";

/// The Set-Cookie header that keeps a refresh token, or that deletes it.
#[must_use]
pub fn refresh_cookie(token: Option<(&SecretString, Duration)>) -> HeaderValue {
    let (value, seconds) = match token {
        Some((token, lives)) => (token.expose_secret(), lives.as_secs()),
        None => ("", 0),
    };
    let cookie = format!("{NAME}={value}; Max-Age={seconds}; Path=/; HttpOnly; Secure; SameSite=Strict");
    let mut header = HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// The refresh token among the cookies of a request.
pub(super) fn read_refresh_cookie(headers: &HeaderMap) -> RefreshCookie {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    RefreshCookie(pairs.find(|(name, _)| *name == NAME).map(|(_, token)| token.into()))
}
