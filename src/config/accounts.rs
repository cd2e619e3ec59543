use serde::{Deserialize, Serialize};

/// `[accounts]`: registration and the roles of new accounts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AccountsConfig {
    /// Whether anyone may register. If `false`, only administrators create accounts.
    pub registration_open: bool,
    /// The roles of an account that registers, or that `portcullis users create` creates without `--role`.
    pub default_roles: Vec<String>,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { registration_open: true, default_roles: vec!["user".to_owned()] }
    }
}
