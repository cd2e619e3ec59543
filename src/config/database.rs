use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Impossible, masked, require};

/// `[database]`: where the data are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`. Without it, `portcullis.db` in `data_dir`.
    #[serde(serialize_with = "masked")]
    pub url: Option<SecretString>,
    /// A file that holds the URL, for it may contain a password.
    pub url_file: Option<PathBuf>,
    /// The most connections that are open at once.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, max_connections: 10 }
    }
}

impl DatabaseConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        require(
            self.url.is_none() || self.url_file.is_none(),
            "database.url",
            "and database.url_file are both set; keep one of them",
        )?;
        let known = |url: &SecretString| {
            ["sqlite:", "postgres://", "postgresql://"].iter().any(|s| url.expose_secret().starts_with(s))
        };
        require(
            self.url.as_ref().is_none_or(known),
            "database.url",
            "must start with sqlite: or postgres://",
        )?;
        require(
            (2..=1000).contains(&self.max_connections),
            "database.max_connections",
            "must be between 2 and 1000",
        )
    }
}
