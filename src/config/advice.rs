use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::{Config, DocumentPolicy, Loaded, Source, environment::Stray};

/// A warning about a valid but risky setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The key, as `section.key`, or an environment variable.
    pub key: String,
    /// What is wrong with it, and what would be better.
    pub text: String,
}

/// What OWASP asks of a hash at least: KiB of memory times passes.
const LEAST_WORK_KIB: u64 = 19_456 * 2;

impl Loaded {
    /// Warnings about environment variables that have our prefix and name no key.
    #[must_use]
    pub fn ignored(&self) -> Vec<Advice> {
        let warn = |Stray { name, nearest }: &Stray| {
            let meant = nearest.as_ref().map(|nearest| format!("; did you mean {nearest}?"));
            let text =
                format!("names no key of the configuration and is ignored{}", meant.unwrap_or_default());
            Advice { key: name.clone(), text }
        };
        self.strays().iter().map(warn).collect()
    }

    /// What an operator should change, though the server starts.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        let config = &self.config;
        let url = config.database.url.as_ref().map(ExposeSecret::expose_secret);
        let mut advice = self.ignored();
        let mut advise = |when: bool, key: &str, text: String| {
            if when {
                advice.push(Advice { key: key.to_owned(), text });
            }
        };
        for (key, file) in [
            ("secret", "PORTCULLIS_SECRET_FILE"),
            ("other_secret", "PORTCULLIS_OTHER_SECRET_FILE"),
            ("database.url", "PORTCULLIS_DATABASE__URL_FILE"),
        ] {
            if let Source::Environment(name) = self.source(key) {
                let is_secret = key != "database.url" || url.is_some_and(has_password);
                let text = format!(
                    "{name} holds a secret, and other programs of this user and reports of crashes see the \
                     environment; put it into a file that is yours alone and name that in {file}"
                );
                advise(is_secret, key, text);
            }
        }
        let changes_secret = config.other_secret.is_some() || config.other_secret_file.is_some();
        advise(
            changes_secret,
            "other_secret",
            "two master secrets are accepted; when every server knows the new one, run `portcullis keys rewrap`, \
             and take the old one away after tokens.refresh_ttl"
                .to_owned(),
        );
        for (when, key, text) in general(config, url) {
            advise(when, key, text.to_owned());
        }
        advice
    }
}

/// What does not hang on where a value came from.
fn general(config: &Config, url: Option<&str>) -> [(bool, &'static str, &'static str); 9] {
    let (http, passwords) = (&config.http, &config.passwords);
    let work_kib = u64::from(passwords.memory_kib) * u64::from(passwords.iterations);
    [
        (
            http.is_behind_tls() && http.trusted_proxies.is_empty(),
            "http.trusted_proxies",
            "http.public_url is https, so a proxy stands in front, but none is trusted: all clients count as one \
             address, share its connections, and wait when one of them guesses; name the proxy's address",
        ),
        (
            http.is_published_locally(),
            "http.listen",
            "the server listens on every address without TLS, though http.public_url is for this machine alone: \
             whoever else reaches the port can sign in there, and the network reads their passwords and tokens; \
             publish a container's port on 127.0.0.1 only, as in -p 127.0.0.1:4000:4000",
        ),
        (
            !http.listen.ip().is_loopback() && http.public_url.is_none(),
            "http.public_url",
            "the server is reachable from elsewhere, and its tokens name an address as their issuer; set the URL \
             that clients use",
        ),
        (
            config.graphql.documents == DocumentPolicy::Trusted && config.graphql.playground,
            "graphql.playground",
            "only trusted documents are executed, and those of GraphiQL are not among them: turn it off",
        ),
        (
            config.graphql.documents == DocumentPolicy::Trusted && config.graphql.federation,
            "graphql.federation",
            "only trusted documents are executed, and what a router makes of its clients' is not among them",
        ),
        (
            !config.limits.enabled,
            "limits.enabled",
            "nothing slows down who guesses passwords; leave it on outside of tests",
        ),
        (
            work_kib < LEAST_WORK_KIB,
            "passwords.memory_kib",
            "a hash costs less than OWASP asks for (19456 KiB and 2 passes), so that a stolen database is guessed \
             sooner",
        ),
        (
            config.tokens.access_ttl > Duration::from_hours(1),
            "tokens.access_ttl",
            "services that verify by JWKS believe a token that was revoked until it expires; an hour is long enough",
        ),
        (
            url.is_some_and(|url| is_far(url) && !is_encrypted(url)),
            "database.url",
            "the database is on another machine, and nothing demands that the way there is encrypted; add \
             ?sslmode=verify-full",
        ),
    ]
}

/// Whether a URL of PostgreSQL holds a password.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let in_user = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    in_user || url.contains("password=")
}

/// Whether a URL leads to another machine.
fn is_far(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
        return false;
    };
    // A password may hold any sign, so the host begins behind the last @.
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let is_near = ["localhost", "127.", "[::1]", "%2F"].iter().any(|near| host.starts_with(near));
    !(host.is_empty() || is_near)
}

fn is_encrypted(url: &str) -> bool {
    ["require", "verify-ca", "verify-full"].iter().any(|mode| url.contains(&format!("sslmode={mode}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_seen() {
        for url in ["postgres://ada:secret@db/p", "postgres:///p?host=/run&password=secret", "ada:secret@db"]
        {
            assert!(has_password(url), "{url}");
        }
        for url in ["postgres://ada@db/p", "postgres://db:5432/p", "sqlite:data/a.db"] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_database_is_near_or_far() {
        for near in [
            "sqlite:a.db",
            "postgres://localhost/p",
            "postgres://ada:a/b@127.0.0.1:5432/p",
            "postgresql:///p?host=/run",
            "postgres://[::1]:5432/p",
            "postgres://ada@%2Frun/p",
        ] {
            assert!(!is_far(near), "{near}");
        }
        for far in ["postgres://db.example.com/p", "postgres://ada:secret@10.0.0.7:5432/p", "postgresql://db"]
        {
            assert!(is_far(far), "{far}");
        }
    }
}
