use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::{
    Config, DocumentPolicy, LoadedConfig, MailTransport, SmtpEncryption, Source, environment::UnknownVariable,
};

/// A warning about a valid but risky setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigWarning {
    /// The key, as `section.key`, or the name of an environment variable.
    pub key: String,
    /// The risk, and what to change.
    pub text: String,
}

/// The minimum cost of a hash that OWASP recommends: memory in KiB times passes.
const MIN_WORK_KIB: u64 = 19_456 * 2;

impl LoadedConfig {
    /// Warnings about environment variables that have our prefix and name no key.
    #[must_use]
    pub fn ignored_variables(&self) -> Vec<ConfigWarning> {
        let warning = |UnknownVariable { name, suggestion }: &UnknownVariable| {
            let suggestion = suggestion.as_ref().map(|name| format!("; did you mean {name}?"));
            let text =
                format!("names no key of the configuration and is ignored{}", suggestion.unwrap_or_default());
            ConfigWarning { key: name.clone(), text }
        };
        self.unknown_variables().iter().map(warning).collect()
    }

    /// All warnings about the configuration, with those about ignored variables.
    #[must_use]
    pub fn warnings(&self) -> Vec<ConfigWarning> {
        let config = &self.config;
        let url = config.database.url.as_ref().map(ExposeSecret::expose_secret);
        let mut warnings = self.ignored_variables();
        let mut warn_if = |is_risky: bool, key: &str, text: String| {
            if is_risky {
                warnings.push(ConfigWarning { key: key.to_owned(), text });
            }
        };
        for (key, file) in [
            ("secret", "PORTCULLIS_SECRET_FILE"),
            ("secondary_secret", "PORTCULLIS_SECONDARY_SECRET_FILE"),
            ("database.url", "PORTCULLIS_DATABASE__URL_FILE"),
            ("mail.smtp.password", "PORTCULLIS_MAIL__SMTP__PASSWORD_FILE"),
        ] {
            if let Source::Environment(name) = self.source(key) {
                let is_secret = key != "database.url" || url.is_some_and(has_password);
                let text = format!(
                    "{name} contains a secret, and other programs of this user and crash reports can read the \
                     environment; put it into a file that only this user can read, and set {file} to its path"
                );
                warn_if(is_secret, key, text);
            }
        }
        let has_two_secrets = config.secondary_secret.is_some() || config.secondary_secret_file.is_some();
        warn_if(
            has_two_secrets,
            "secondary_secret",
            "two master secrets are accepted; when all servers have the new one, run `portcullis keys rewrap`, \
             then wait for tokens.refresh_ttl and remove the old one"
                .to_owned(),
        );
        for (is_risky, key, text) in risks(config, url).into_iter().chain(mail_risks(config)) {
            warn_if(is_risky, key, text.to_owned());
        }
        warnings
    }
}

/// The warnings that do not depend on the source of a value, and whether each applies.
fn risks(config: &Config, url: Option<&str>) -> [(bool, &'static str, &'static str); 9] {
    let (http, passwords) = (&config.http, &config.passwords);
    let work_kib = u64::from(passwords.memory_kib) * u64::from(passwords.iterations);
    [
        (
            http.is_behind_tls() && http.trusted_proxies.is_empty(),
            "http.trusted_proxies",
            "http.public_url is https, so there is a proxy in front of the server, but no proxy is trusted: all \
             clients count as one address, share its limits, and have to wait when one of them guesses passwords; \
             add the proxy's address",
        ),
        (
            http.is_published_locally(),
            "http.listen",
            "the server listens on all addresses without TLS, but http.public_url is an address of this machine: \
             anybody who can reach the port can sign in, and passwords and tokens cross the network unencrypted; \
             publish a container's port on 127.0.0.1 only, as in -p 127.0.0.1:4000:4000",
        ),
        (
            !http.listen.ip().is_loopback() && http.public_url.is_none(),
            "http.public_url",
            "the server can be reached from other machines, but the issuer of its tokens is its listen address; set \
             the URL that clients use",
        ),
        (
            config.graphql.documents == DocumentPolicy::Trusted && config.graphql.playground,
            "graphql.playground",
            "GraphiQL does not work, because only trusted documents are executed; set it to false",
        ),
        (
            config.graphql.documents == DocumentPolicy::Trusted && config.graphql.federation,
            "graphql.federation",
            "only trusted documents are executed, and the queries that a router generates are not among them; set \
             graphql.documents to persisted or in_full for a subgraph",
        ),
        (
            !config.limits.enabled,
            "limits.enabled",
            "no rate limit slows down password guessing; set it to false only for tests",
        ),
        (
            work_kib < MIN_WORK_KIB,
            "passwords.memory_kib",
            "a hash costs less than OWASP recommends (19456 KiB and 2 passes), so passwords from a stolen database can \
             be guessed faster; raise passwords.memory_kib or passwords.iterations",
        ),
        (
            config.tokens.access_ttl > Duration::from_hours(1),
            "tokens.access_ttl",
            "services that verify tokens by JWKS accept a revoked token until it expires; set it to 1h or less",
        ),
        (
            url.is_some_and(|url| is_remote(url) && !is_encrypted(url)),
            "database.url",
            "the database is on another machine, and the URL does not require an encrypted connection; add \
             ?sslmode=verify-full",
        ),
    ]
}

/// The warnings about messages by e-mail.
fn mail_risks(config: &Config) -> [(bool, &'static str, &'static str); 2] {
    [
        (
            config.mail.transport == MailTransport::Smtp && config.mail.is_sent_from_default(),
            "mail.from",
            "messages are sent from an address at localhost, and mail servers refuse those; set it to an address of \
             your domain",
        ),
        (
            config.mail.transport == MailTransport::Smtp
                && config.mail.smtp.encryption == SmtpEncryption::None
                && !config.mail.smtp.is_local(),
            "mail.smtp.encryption",
            "messages cross the network unencrypted, and whoever reads one can sign in with its link; set it to \
             starttls or tls",
        ),
    ]
}

/// Whether a PostgreSQL URL contains a password.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let in_user = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    in_user || url.contains("password=")
}

/// Whether a URL names a database on another machine.
fn is_remote(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
        return false;
    };
    // A password may contain any character, so the host begins after the last @.
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let is_local = ["localhost", "127.", "[::1]", "%2F"].iter().any(|local| host.starts_with(local));
    !(host.is_empty() || is_local)
}

/// Whether a URL requires an encrypted connection.
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
    fn a_database_is_local_or_remote() {
        for local in [
            "sqlite:a.db",
            "postgres://localhost/p",
            "postgres://ada:a/b@127.0.0.1:5432/p",
            "postgresql:///p?host=/run",
            "postgres://[::1]:5432/p",
            "postgres://ada@%2Frun/p",
        ] {
            assert!(!is_remote(local), "{local}");
        }
        for remote in
            ["postgres://db.example.com/p", "postgres://ada:secret@10.0.0.7:5432/p", "postgresql://db"]
        {
            assert!(is_remote(remote), "{remote}");
        }
    }
}
