use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure_between};

/// `[admin]`: the login that privileged operations of administrators require. The command line requires none.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdminConfig {
    /// The maximum age of the administrator's login. Zero permits operations with every valid access token.
    #[serde(with = "super::duration")]
    pub recent_login: Duration,
    /// The authentication context class that the login must have.
    pub acr: AuthenticationClass,
}

/// An authentication context class (NIST SP 800-63B).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AuthenticationClass {
    /// One factor, or two.
    #[default]
    Aal1,
    /// Two factors.
    Aal2,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { recent_login: Duration::from_hours(12), acr: AuthenticationClass::Aal1 }
    }
}

impl AdminConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        let year = Duration::from_hours(365 * 24);
        ensure_between(self.recent_login, Duration::ZERO, year, "admin.recent_login")
    }
}
