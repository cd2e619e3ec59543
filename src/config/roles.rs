use serde::{Deserialize, Serialize};

use super::{Config, InvalidValue, ensure};

/// The privileges of a role.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RoleConfig {
    /// The scopes that the role grants (RFC 6749 §3.3).
    pub scopes: Vec<String>,
}

impl RoleConfig {
    /// A role that grants these scopes.
    ///
    /// ```
    /// # use portcullis::config::RoleConfig;
    /// assert_eq!(RoleConfig::new(["posts:read", "posts:write"]).scopes, ["posts:read", "posts:write"]);
    /// ```
    #[must_use]
    pub fn new<S: Into<String>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect() }
    }
}

/// The scopes that fields of this server require. Roles may grant other scopes, for your own fields and services.
pub const SCOPES: &[&str] = &["users:read", "users:write", "sessions:read", "sessions:write", "audit:read"];

/// The role of administrators. The last enabled account with this role cannot lose it.
pub const ADMIN_ROLE: &str = "admin";

impl Config {
    /// Returns an error for a role or a scope with an invalid name, and for a default role that does not exist.
    pub(super) fn check_roles(&self) -> Result<(), InvalidValue> {
        for (name, role) in &self.roles {
            ensure(
                is_token(name),
                format!("roles.{name}"),
                "must have a name of at most 64 printable ASCII characters, without spaces, quotes and backslashes",
            )?;
            for scope in &role.scopes {
                let key = format!("roles.{name}.scopes");
                ensure(
                    is_token(scope),
                    key,
                    "must be scopes of at most 64 printable ASCII characters, without spaces, quotes and backslashes (RFC \
                     6749 §3.3)",
                )?;
            }
        }
        for role in &self.accounts.default_roles {
            let expected = format!("contains the role \"{role}\", which is not defined in [roles]");
            ensure(self.roles.contains_key(role), "accounts.default_roles", expected)?;
        }
        Ok(())
    }
}

/// Whether a name is a `scope-token` (RFC 6749 §3.3) of at most 64 characters.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
