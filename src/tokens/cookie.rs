use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Cookies, HttpConfig};

/// The name of the cookie, and the attribute that its protection needs. The prefix `__Host-` makes browsers insist on
/// Secure, Path=/ and no Domain; `__Secure-`, where the server has another path, on Secure (RFC 6265bis §4.1.3).
fn kind(config: &HttpConfig) -> (&'static str, &'static str) {
    match config.cookies {
        Cookies::Secure | Cookies::Off if config.base_path().is_empty() => {
            ("__Host-portcullis_refresh", "; Secure")
        }
        Cookies::Secure | Cookies::Off => ("__Secure-portcullis_refresh", "; Secure"),
        Cookies::Plain => ("portcullis_refresh", ""),
    }
}

/// The paths for which browsers send the cookie.
fn scope(config: &HttpConfig) -> &str {
    let path = config.base_path();
    if path.is_empty() { "/" } else { path }
}

/// The Set-Cookie header that keeps a refresh token, or that deletes it.
#[must_use]
pub(crate) fn refresh_cookie(token: Option<(&SecretString, Duration)>, config: &HttpConfig) -> HeaderValue {
    let ((name, secure), path) = (kind(config), scope(config));
    let (value, seconds) = match token {
        Some((token, lives)) => (token.expose_secret(), lives.as_secs()),
        None => ("", 0),
    };
    let cookie = format!("{name}={value}; Max-Age={seconds}; Path={path}; HttpOnly{secure}; SameSite=Strict");
    let mut header = HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// The refresh token among the cookies of a request.
pub(crate) fn read_refresh_cookie(headers: &HeaderMap, config: &HttpConfig) -> Option<SecretString> {
    if config.cookies == Cookies::Off {
        return None;
    }
    let (name, _) = kind(config);
    let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        sent.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(sent, _)| *sent == name).map(|(_, token)| token.into())
}
