use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use secrecy::{ExposeSecret, SecretString};

use crate::{config::Cookies, graphql::RefreshCookie};

/// The name of the cookie, and the attribute that its protection needs. The prefix makes browsers insist on
/// Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2).
fn kind(cookies: Cookies) -> (&'static str, &'static str) {
    match cookies {
        Cookies::Secure | Cookies::Off => ("__Host-portcullis_refresh", "; Secure"),
        Cookies::Plain => ("portcullis_refresh", ""),
    }
}

/// The Set-Cookie header that keeps a refresh token, or that deletes it.
#[must_use]
pub(crate) fn refresh_cookie(token: Option<(&SecretString, Duration)>, cookies: Cookies) -> HeaderValue {
    let (name, secure) = kind(cookies);
    let (value, seconds) = match token {
        Some((token, lives)) => (token.expose_secret(), lives.as_secs()),
        None => ("", 0),
    };
    let cookie = format!("{name}={value}; Max-Age={seconds}; Path=/; HttpOnly{secure}; SameSite=Strict");
    let mut header = HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// The refresh token among the cookies of a request.
pub(super) fn read_refresh_cookie(headers: &HeaderMap, cookies: Cookies) -> RefreshCookie {
    if cookies == Cookies::Off {
        return RefreshCookie(None);
    }
    let (name, _) = kind(cookies);
    let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        sent.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    RefreshCookie(pairs.find(|(sent, _)| *sent == name).map(|(_, token)| token.into()))
}
