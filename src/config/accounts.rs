use serde::{Deserialize, Serialize};

/// `[accounts]`: who may make an account, and what it starts with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsConfig {
    /// Whether anybody may register. When false, administrators create the accounts.
    pub registration_open: bool,
    /// The roles of an account that registers, or that the command line makes without naming any.
    pub default_roles: Vec<String>,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { registration_open: true, default_roles: vec!["user".to_owned()] }
    }
}
