//! The configuration: one file for each section, named after the folder that the section configures.
//!
//! Values come from the defaults, a TOML file, environment variables and command-line flags. A later source overrides
//! an earlier one.
//!
//! To add a key, add a field and its default to the section's file, and a line to `portcullis.example.toml`. A test
//! compares both. If the type permits invalid values, add a check to [`Config::check`].

mod accounts;
mod admin;
mod audit;
mod claims;
mod database;
mod derived;
mod draft;
mod duration;
mod environment;
mod error;
mod factors;
mod graphql;
mod http;
mod limits;
mod load;
mod log;
mod mail;
mod nearest;
mod passkeys;
mod passwords;
mod roles;
mod section;
mod source;
mod streams;
mod tokens;
mod warnings;
mod web_origin;

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use self::{
    accounts::{AccountsConfig, LinksConfig, UsernamePolicy},
    admin::{AdminConfig, AuthenticationClass},
    audit::AuditConfig,
    database::DatabaseConfig,
    factors::{FactorsConfig, RequiredFactors},
    graphql::{DocumentPolicy, GraphqlConfig, Introspection},
    http::{Cookies, HttpConfig},
    limits::{Backoff, LimitsConfig},
    log::{LogConfig, LogFormat},
    mail::{MailConfig, MailTransport, SmtpConfig, SmtpEncryption},
    passkeys::PasskeysConfig,
    passwords::PasswordsConfig,
    roles::{ADMIN_ROLE, RoleConfig, SCOPES},
    streams::StreamsConfig,
    tokens::{SigningAlgorithm, TokensConfig},
};
#[doc(hidden)]
pub use self::{
    claims::{MAX_CLAIMS_BYTES, MAX_PROFILE_CLAIM_BYTES},
    database::DatabaseUrl,
    error::ConfigError,
    load::{ConfigEntry, Flag, LoadedConfig},
    source::Source,
    tokens::MAX_ACCESS_TTL,
    warnings::ConfigWarning,
    web_origin::WebOrigin,
};
pub(crate) use self::{
    load::{InCode, load},
    mail::is_locale,
    roles::is_token,
    section::{Section, Sections},
    tokens::is_reserved_claim,
};
use crate::secret::MIN_SECRET_BYTES;

/// The configuration of a server. The defaults configure a server for use on the local machine.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use portcullis::{Config, config::RoleConfig};
///
/// let mut config = Config::default();
/// config.http.public_url = Some("https://id.example.com".to_owned());
/// config.tokens.access_ttl = Duration::from_mins(5);
/// config.roles.insert("editor".to_owned(), RoleConfig::new(["posts:write"]));
/// config.accounts.default_roles.push("editor".to_owned());
/// assert_eq!(config.issuer(), "https://id.example.com");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// The folder of the embedded database and the master secret.
    pub data_dir: PathBuf,
    /// The master secret, at least 32 bytes. Prefer `secret_file`.
    #[serde(serialize_with = "masked")]
    pub secret: Option<SecretString>,
    /// The file that contains the master secret. Without a secret, the first start creates one in `data_dir`.
    pub secret_file: Option<PathBuf>,
    /// A secondary master secret, which is accepted as well while the master secret is being replaced. Prefer
    /// `secondary_secret_file`.
    #[serde(alias = "other_secret", serialize_with = "masked")]
    pub secondary_secret: Option<SecretString>,
    /// The file that contains the secondary master secret.
    #[serde(alias = "other_secret_file")]
    pub secondary_secret_file: Option<PathBuf>,
    /// Accounts and registration.
    pub accounts: AccountsConfig,
    /// The login that privileged operations require.
    pub admin: AdminConfig,
    /// The audit log of security events.
    pub audit: AuditConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Second factors.
    pub factors: FactorsConfig,
    /// Features and limits of the GraphQL API.
    pub graphql: GraphqlConfig,
    /// The HTTP listener, its limits, and the proxies in front of it.
    pub http: HttpConfig,
    /// Rate limits for password attempts, registration, messages by e-mail and an account's own changes.
    pub limits: LimitsConfig,
    /// Filter and format of the log.
    pub log: LogConfig,
    /// Messages by e-mail.
    pub mail: MailConfig,
    /// Sign-in with passkeys.
    pub passkeys: PasskeysConfig,
    /// Password policy and hashing.
    pub passwords: PasswordsConfig,
    /// The roles, by name.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Access and refresh tokens.
    pub tokens: TokensConfig,
}

impl Default for Config {
    fn default() -> Self {
        let role = |scopes: &[&str]| RoleConfig::new(scopes.iter().copied());
        Self {
            data_dir: "data".into(),
            secret: None,
            secret_file: None,
            secondary_secret: None,
            secondary_secret_file: None,
            accounts: AccountsConfig::default(),
            admin: AdminConfig::default(),
            audit: AuditConfig::default(),
            database: DatabaseConfig::default(),
            factors: FactorsConfig::default(),
            graphql: GraphqlConfig::default(),
            http: HttpConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
            mail: MailConfig::default(),
            passkeys: PasskeysConfig::default(),
            passwords: PasswordsConfig::default(),
            roles: [(ADMIN_ROLE.to_owned(), role(SCOPES)), ("user".to_owned(), role(&[]))].into(),
            tokens: TokensConfig::default(),
        }
    }
}

/// An invalid value: the key and what the value must be.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {expected}")]
pub struct InvalidValue {
    /// The key, as `section.key`.
    pub key: String,
    /// The requirement: the rest of a sentence that starts with the key, such as `must be at least 1`.
    pub expected: String,
}

/// Returns an error for `key` unless `is_valid`. `expected` is the rest of a sentence that starts with the key.
fn ensure(is_valid: bool, key: impl fmt::Display, expected: impl fmt::Display) -> Result<(), InvalidValue> {
    let invalid = || InvalidValue { key: key.to_string(), expected: expected.to_string() };
    if is_valid { Ok(()) } else { Err(invalid()) }
}

/// Returns an error for `key` unless `time` is between `min` and `max`.
fn ensure_between(time: Duration, min: Duration, max: Duration, key: &str) -> Result<(), InvalidValue> {
    let expected = format!("must be between {} and {}", duration::format(min), duration::format(max));
    ensure((min..=max).contains(&time), key, expected)
}

impl Config {
    /// The `iss` claim of all tokens: `tokens.issuer` if it is set, otherwise the public URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.configured_issuer().unwrap_or_else(|| self.http.public_url())
    }

    /// The folder of the mail transport `folder`.
    #[must_use]
    #[doc(hidden)]
    pub fn mail_folder(&self) -> PathBuf {
        self.mail.folder.clone().unwrap_or_else(|| self.data_dir.join("mail"))
    }

    /// The URL of a status list, without the number of the list.
    #[must_use]
    #[doc(hidden)]
    pub fn status_list_url(&self) -> String {
        format!("{}/status-lists/", self.http.public_url())
    }

    /// The issuer that the operator has configured, by `tokens.issuer` or `http.public_url`. Without either, replicas
    /// that listen on different addresses have different issuers, and must accept each other's tokens all the same.
    #[must_use]
    #[doc(hidden)]
    pub fn configured_issuer(&self) -> Option<String> {
        self.tokens.issuer.clone().or_else(|| self.http.public_url.clone())
    }

    /// Checks all values.
    ///
    /// # Errors
    /// The first invalid value.
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), InvalidValue> {
        self.accounts.check(self.mail.transport)?;
        self.http.check()?;
        self.database.check()?;
        self.tokens.check()?;
        self.admin.check()?;
        self.factors.check()?;
        self.passkeys.check()?;
        self.passwords.check()?;
        self.limits.check()?;
        self.graphql.check()?;
        self.log.check()?;
        self.mail.check()?;
        self.audit.check()?;
        check_secret("secret", self.secret.as_ref(), self.secret_file.as_ref())?;
        check_secret(
            "secondary_secret",
            self.secondary_secret.as_ref(),
            self.secondary_secret_file.as_ref(),
        )?;
        self.check_roles()?;
        self.check_claims()
    }
}

/// Returns an error for a secret that is too short, or set both directly and by a file.
fn check_secret(
    key: &str,
    secret: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> Result<(), InvalidValue> {
    let expected = format!("and {key}_file are both set; keep only one of them");
    ensure(secret.is_none() || file.is_none(), key, expected)?;
    let is_long = |secret: &SecretString| secret.expose_secret().trim().len() >= MIN_SECRET_BYTES;
    let expected =
        format!("must have at least {MIN_SECRET_BYTES} bytes; create one with `openssl rand -base64 32`");
    ensure(secret.is_none_or(is_long), key, expected)
}

/// The text that is shown in place of a secret.
const MASK: &str = "********";

/// Serializes a secret as [`MASK`], so that a printed configuration cannot reveal it.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some(MASK),
        None => serializer.serialize_none(),
    }
}
