use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, InvalidHeaderValue},
};
use cookie::{Cookie, SameSite, time};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Cookies, HttpConfig};

/// The name of the cookie. The prefix `__Host-` makes browsers insist on Secure, Path=/ and no Domain; `__Secure-`,
/// where the server has another path, on Secure (RFC 6265bis §4.1.3).
fn name(config: &HttpConfig) -> &'static str {
    match config.cookies {
        Cookies::Secure | Cookies::Off if config.base_path().is_empty() => "__Host-portcullis_refresh",
        Cookies::Secure | Cookies::Off => "__Secure-portcullis_refresh",
        Cookies::Plain => "portcullis_refresh",
    }
}

/// The paths for which browsers send the cookie.
fn path(config: &HttpConfig) -> &str {
    let path = config.base_path();
    if path.is_empty() { "/" } else { path }
}

/// The Set-Cookie header that stores a refresh token in the browser, or deletes it.
///
/// # Errors
/// If the base path is not the value of a header.
pub(crate) fn refresh_cookie(
    token: Option<(&SecretString, Duration)>,
    config: &HttpConfig,
) -> Result<HeaderValue, InvalidHeaderValue> {
    let (value, max_age) = match token {
        Some((token, lifetime)) => (token.expose_secret(), time::Duration::try_from(lifetime)),
        None => ("", Ok(time::Duration::ZERO)),
    };
    let cookie = Cookie::build((name(config), value))
        .path(path(config))
        .max_age(max_age.unwrap_or(time::Duration::MAX))
        .secure(config.cookies != Cookies::Plain)
        .http_only(true)
        .same_site(SameSite::Strict);
    let mut header = HeaderValue::try_from(cookie.to_string())?;
    header.set_sensitive(true);
    Ok(header)
}

/// The refresh token among the cookies of a request.
pub(crate) fn read_refresh_cookie(headers: &HeaderMap, config: &HttpConfig) -> Option<SecretString> {
    if config.cookies == Cookies::Off {
        return None;
    }
    // Only ASCII. The parser trims Unicode spaces, which browsers regard as part of a name, so a site on a sibling
    // domain could otherwise set a cookie that passes for one with the prefix `__Host-`.
    let headers = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = headers.flat_map(Cookie::split_parse).flatten();
    cookies.find(|cookie| cookie.name() == name(config)).map(|cookie| cookie.value().into())
}
