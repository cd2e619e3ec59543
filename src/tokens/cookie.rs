use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, InvalidHeaderValue},
};
use cookie::{Cookie, SameSite, time};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Cookies, HttpConfig};

/// A cookie with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenCookie {
    /// The refresh token of a session.
    Refresh,
    /// The token of a trusted device.
    Device,
}

/// The paths for which browsers send the cookies.
fn path(config: &HttpConfig) -> &str {
    let path = config.base_path();
    if path.is_empty() { "/" } else { path }
}

impl TokenCookie {
    /// The name of the cookie. The prefix `__Host-` makes browsers insist on Secure, Path=/ and no Domain; `__Secure-`,
    /// where the server has another path, on Secure (RFC 6265bis §4.1.3).
    fn name(self, config: &HttpConfig) -> &'static str {
        match (self, config.cookies) {
            (Self::Refresh, Cookies::Plain) => "portcullis_refresh",
            (Self::Device, Cookies::Plain) => "portcullis_device",
            (Self::Refresh, _) if config.base_path().is_empty() => "__Host-portcullis_refresh",
            (Self::Device, _) if config.base_path().is_empty() => "__Host-portcullis_device",
            (Self::Refresh, _) => "__Secure-portcullis_refresh",
            (Self::Device, _) => "__Secure-portcullis_device",
        }
    }

    /// The Set-Cookie header that stores a token in the browser, or deletes it.
    ///
    /// # Errors
    /// If the base path is not the value of a header.
    pub(crate) fn header(
        self,
        token: Option<(&SecretString, Duration)>,
        config: &HttpConfig,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        let (value, max_age) = match token {
            Some((token, lifetime)) => (token.expose_secret(), time::Duration::try_from(lifetime)),
            None => ("", Ok(time::Duration::ZERO)),
        };
        let cookie = Cookie::build((self.name(config), value))
            .path(path(config))
            .max_age(max_age.unwrap_or(time::Duration::MAX))
            .secure(config.cookies != Cookies::Plain)
            .http_only(true)
            .same_site(SameSite::Strict);
        let mut header = HeaderValue::try_from(cookie.to_string())?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The token among the cookies of a request.
    pub(crate) fn read(self, headers: &HeaderMap, config: &HttpConfig) -> Option<SecretString> {
        if config.cookies == Cookies::Off {
            return None;
        }
        // Only ASCII. The parser trims Unicode spaces, which browsers regard as part of a name, so a site on a sibling
        // domain could otherwise set a cookie that passes for one with the prefix `__Host-`.
        let headers = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = headers.flat_map(Cookie::split_parse).flatten();
        cookies.find(|cookie| cookie.name() == self.name(config)).map(|cookie| cookie.value().into())
    }
}
