//! What an operator can set: a file for each section, named like the folder that it serves.
//!
//! Values come from the defaults, then a TOML file, then the environment, then flags; the later wins.
//! To add a key: a field with its default in the section's file, a line in
//! `portcullis.example.toml` (a test compares them) and, when a value can be impossible, a check in
//! [`Config::check`].

mod accounts;
mod advice;
mod audit;
mod claims;
mod database;
mod derived;
mod draft;
mod duration;
mod environment;
mod error;
mod graphql;
mod http;
mod limits;
mod load;
mod log;
mod nearest;
mod passwords;
mod source;
mod streams;
mod tokens;
mod web_origin;

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use self::{
    accounts::AccountsConfig,
    advice::Advice,
    audit::AuditConfig,
    claims::MAX_CLAIMS_BYTES,
    database::{DatabaseConfig, DatabaseUrl},
    error::ConfigError,
    graphql::{DocumentPolicy, GraphqlConfig, Introspection},
    http::{Cookies, HttpConfig},
    limits::{Ladder, LimitsConfig},
    load::{Flag, Loaded, Origin, load},
    log::{LogConfig, LogFormat},
    passwords::PasswordsConfig,
    source::Source,
    streams::StreamsConfig,
    tokens::{MAX_ACCESS_TTL, SigningAlgorithm, TokensConfig},
    web_origin::WebOrigin,
};
use crate::secret::MIN_SECRET_BYTES;

/// Everything that can be set. The default of each key is a server that works on one machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder for the embedded database and the master secret.
    pub data_dir: PathBuf,
    /// The master secret, at least 32 bytes. Better in a file: see `secret_file`.
    #[serde(serialize_with = "masked")]
    pub secret: Option<SecretString>,
    /// A file that holds the master secret. Without either, one is made in `data_dir`.
    pub secret_file: Option<PathBuf>,
    /// A second master secret that is accepted while the first one changes. Better in a file: see
    /// `other_secret_file`.
    #[serde(serialize_with = "masked")]
    pub other_secret: Option<SecretString>,
    /// A file that holds the second master secret.
    pub other_secret_file: Option<PathBuf>,
    /// Accounts and registration.
    pub accounts: AccountsConfig,
    /// The log of security events.
    pub audit: AuditConfig,
    /// Where the data are.
    pub database: DatabaseConfig,
    /// What a GraphQL request may ask for.
    pub graphql: GraphqlConfig,
    /// The listener and what stands before it.
    pub http: HttpConfig,
    /// The throttle on guessing and on registration.
    pub limits: LimitsConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Password policy and hashing.
    pub passwords: PasswordsConfig,
    /// What each role may do, by the role's name.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Access and refresh tokens.
    pub tokens: TokensConfig,
}

/// What a role may do.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleConfig {
    /// The scopes that it grants (RFC 6749 §3.3).
    pub scopes: Vec<String>,
}

/// The scopes that open fields of this server. Roles may grant any others, for fields and services of your own.
pub const SCOPES: [&str; 5] = ["users:read", "users:write", "sessions:read", "sessions:write", "audit:read"];

/// The role whose last holder cannot be removed.
pub const ADMIN_ROLE: &str = "admin";

impl Default for Config {
    fn default() -> Self {
        let role = |scopes: &[&str]| RoleConfig { scopes: scopes.iter().map(ToString::to_string).collect() };
        Self {
            data_dir: "data".into(),
            secret: None,
            secret_file: None,
            other_secret: None,
            other_secret_file: None,
            accounts: AccountsConfig::default(),
            audit: AuditConfig::default(),
            database: DatabaseConfig::default(),
            graphql: GraphqlConfig::default(),
            http: HttpConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
            passwords: PasswordsConfig::default(),
            roles: [(ADMIN_ROLE.to_owned(), role(&SCOPES)), ("user".to_owned(), role(&[]))].into(),
            tokens: TokensConfig::default(),
        }
    }
}

/// A value that cannot be: the key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {wants}")]
pub struct Impossible {
    /// The key, as `section.key`.
    pub key: String,
    /// What would be right, as the rest of a sentence that starts with the key.
    pub wants: String,
}

/// Says that `key` must be otherwise unless `holds`.
fn require(holds: bool, key: impl fmt::Display, wants: impl fmt::Display) -> Result<(), Impossible> {
    let impossible = || Impossible { key: key.to_string(), wants: wants.to_string() };
    if holds { Ok(()) } else { Err(impossible()) }
}

/// Says that `key` must be a time between `least` and `most`.
fn require_between(time: Duration, least: Duration, most: Duration, key: &str) -> Result<(), Impossible> {
    let wants = format!("must be between {} and {}", duration::spell(least), duration::spell(most));
    require((least..=most).contains(&time), key, wants)
}

impl Config {
    /// The `iss` of every token: `tokens.issuer`, else the public URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.given_issuer().unwrap_or_else(|| self.http.public_url())
    }

    /// The issuer, where an operator has named one. Where not, replicas that listen on different addresses
    /// call themselves by different names, and are one server all the same.
    #[must_use]
    pub fn given_issuer(&self) -> Option<String> {
        self.tokens.issuer.clone().or_else(|| self.http.public_url.clone())
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// The first impossible value.
    pub fn check(&self) -> Result<(), Impossible> {
        self.http.check()?;
        self.database.check()?;
        self.tokens.check()?;
        self.passwords.check()?;
        self.limits.check()?;
        self.graphql.check()?;
        self.log.check()?;
        self.audit.check()?;
        check_secret("secret", self.secret.as_ref(), self.secret_file.as_ref())?;
        check_secret("other_secret", self.other_secret.as_ref(), self.other_secret_file.as_ref())?;
        for (name, role) in &self.roles {
            require(is_token(name), format!("roles.{name}"), "must be named without spaces or quotes")?;
            for scope in &role.scopes {
                let key = format!("roles.{name}.scopes");
                require(
                    is_token(scope),
                    key,
                    "must hold scopes of printable ASCII without spaces or quotes (RFC 6749 §3.3)",
                )?;
            }
        }
        for role in &self.accounts.default_roles {
            let wants = format!("names the role \"{role}\", which is not among [roles]");
            require(self.roles.contains_key(role), "accounts.default_roles", wants)?;
        }
        self.check_claims()
    }
}

/// Refuses a secret that is set twice, or too short.
fn check_secret(key: &str, secret: Option<&SecretString>, file: Option<&PathBuf>) -> Result<(), Impossible> {
    let wants = format!("and {key}_file are both set; keep one of them");
    require(secret.is_none() || file.is_none(), key, wants)?;
    let is_long = |secret: &SecretString| secret.expose_secret().trim().len() >= MIN_SECRET_BYTES;
    let wants = format!("must have at least {MIN_SECRET_BYTES} bytes; `openssl rand -base64 32` makes one");
    require(secret.is_none_or(is_long), key, wants)
}

/// Whether a name is a scope-token of RFC 6749 §3.3.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// What is shown in place of a secret.
const MASK: &str = "********";

#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
/// Writes a secret as stars, so that no print of a configuration can show it.
fn masked<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some(MASK),
        None => serializer.serialize_none(),
    }
}
