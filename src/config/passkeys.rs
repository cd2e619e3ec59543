use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Config, InvalidValue, WebOrigin, ensure, http::is_serialized_origin};

/// `[passkeys]`: sign-in with passkeys (WebAuthn).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PasskeysConfig {
    /// Whether users can add passkeys and sign in with them.
    pub enabled: bool,
    /// The RP ID: the domain to which passkeys belong. Passkeys work on the pages of this domain and its subdomains.
    /// After a change, passkeys with the old domain no longer work. Default: the host of `http.public_url`, or
    /// `localhost` for an address of the local machine.
    pub rp_id: Option<String>,
    /// The origins of the pages that may use passkeys, as browsers write them. If the list is empty: the origin of
    /// `http.public_url`, and those of `http.cors_origins` that are in the RP ID.
    pub origins: Vec<String>,
}

impl Default for PasskeysConfig {
    fn default() -> Self {
        Self { enabled: true, rp_id: None, origins: Vec::new() }
    }
}

/// The beginning of the origin of an Android app.
const ANDROID_APP: &str = "android:apk-key-hash:";

impl PasskeysConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure(
            self.rp_id.as_deref().is_none_or(is_domain),
            "passkeys.rp_id",
            "must be a domain in lower case without a scheme, a port or a path, such as example.com, or localhost; \
             browsers permit no address",
        )?;
        ensure(
            self.origins.iter().all(|origin| is_origin(origin)),
            "passkeys.origins",
            "must be origins as browsers write them, such as https://app.example.com or \
             android:apk-key-hash: and a hash: in lower case, without a path, and without the scheme's default port",
        )
    }
}

impl Config {
    /// The RP ID of passkeys. `None` if they are disabled, or if the public URL has an address in place of a domain.
    #[must_use]
    #[doc(hidden)]
    pub fn passkey_rp_id(&self) -> Option<String> {
        let passkeys = &self.passkeys;
        if !passkeys.enabled {
            return None;
        }
        passkeys.rp_id.clone().or_else(|| Some(self.passkey_site()?.host().to_owned()))
    }

    /// The origins of the pages that may use passkeys.
    #[must_use]
    #[doc(hidden)]
    pub fn passkey_origins(&self) -> Vec<String> {
        if !self.passkeys.origins.is_empty() {
            return self.passkeys.origins.clone();
        }
        let rp_id = self.passkey_rp_id().unwrap_or_default();
        let is_within = |origin: &&String| {
            WebOrigin::parse(origin).is_some_and(|origin| {
                let host = origin.host();
                host == rp_id || host.strip_suffix(&rp_id).is_some_and(|rest| rest.ends_with('.'))
            })
        };
        let own = self.passkey_site().map(|site| site.to_string());
        own.into_iter().chain(self.http.cors_origins.iter().filter(is_within).cloned()).collect()
    }

    /// The origin of the public URL. An address of the local machine is `localhost`, because an RP ID is a domain.
    fn passkey_site(&self) -> Option<WebOrigin> {
        let site = WebOrigin::of_url(&self.http.public_url())?;
        let Ok(address) = site.host().trim_matches(['[', ']']).parse::<IpAddr>() else { return Some(site) };
        let address = address.to_canonical();
        let is_local = address.is_loopback() || address.is_unspecified();
        is_local.then(|| site.with_host("localhost"))
    }
}

/// Whether a text is a domain.
fn is_domain(text: &str) -> bool {
    let is_host = WebOrigin::of("https", text).is_some_and(|origin| origin.host() == text);
    let is_named =
        text == "localhost" || (text.contains('.') && !text.starts_with('.') && !text.ends_with('.'));
    is_host && is_named && text.parse::<IpAddr>().is_err()
}

fn is_origin(text: &str) -> bool {
    match text.strip_prefix(ANDROID_APP) {
        Some(hash) => {
            let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            hash.len() == 43 && hash.bytes().all(is_digit)
        }
        None => is_serialized_origin(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> Config {
        let mut config = Config::default();
        config.http.public_url = Some(url.to_owned());
        config
    }

    #[test]
    fn the_rp_id_is_the_host_of_the_public_url() {
        for (url, rp_id, origin) in [
            ("https://id.example.com", "id.example.com", "https://id.example.com"),
            ("https://ID.example.com:8443/auth", "id.example.com", "https://id.example.com:8443"),
            ("http://127.0.0.1:4000", "localhost", "http://localhost:4000"),
            ("http://[::1]:4000", "localhost", "http://localhost:4000"),
            ("http://localhost:4000", "localhost", "http://localhost:4000"),
        ] {
            let config = with_url(url);
            assert_eq!(config.passkey_rp_id().as_deref(), Some(rp_id), "{url}");
            assert_eq!(config.passkey_origins(), [origin], "{url}");
        }
        assert_eq!(Config::default().passkey_rp_id().as_deref(), Some("localhost"));
        assert_eq!(with_url("https://192.0.2.7").passkey_rp_id(), None);
        let mut disabled = with_url("https://id.example.com");
        disabled.passkeys.enabled = false;
        assert_eq!(disabled.passkey_rp_id(), None);
    }

    #[test]
    fn pages_of_other_sites_are_no_origins_unless_they_are_listed() {
        let mut config = with_url("https://example.com");
        config.http.cors_origins =
            ["https://app.example.com", "https://evilexample.com", "https://example.com.evil.org"]
                .map(ToOwned::to_owned)
                .into();
        assert_eq!(config.passkey_origins(), ["https://example.com", "https://app.example.com"]);
        config.passkeys.origins = vec!["https://example.org".to_owned()];
        assert_eq!(config.passkey_origins(), ["https://example.org"]);
    }

    #[test]
    fn domains_and_origins_are_checked() {
        for domain in ["example.com", "localhost", "id.example.com", "xn--bcher-kva.example"] {
            assert!(is_domain(domain), "{domain}");
        }
        for refused in [
            "",
            "com",
            "127.0.0.1",
            "[::1]",
            "Example.com",
            "example.com:443",
            "https://example.com",
            "a/b.c",
        ] {
            assert!(!is_domain(refused), "{refused}");
        }
        assert!(is_origin(&format!("{ANDROID_APP}{}", "a".repeat(43))));
        for refused in ["", "*", "null", "https://example.com/", "android:apk-key-hash:a", "file://a"] {
            assert!(!is_origin(refused), "{refused}");
        }
    }
}
