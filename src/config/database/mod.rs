mod url;

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use self::url::DatabaseUrl;
use super::{Config, InvalidValue, MASK, ensure};

/// `[database]`: the connection to the database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`. Default: `portcullis.db` in `data_dir`.
    #[serde(serialize_with = "without_password")]
    pub url: Option<SecretString>,
    /// A file that contains the URL, because the URL may contain a password.
    pub url_file: Option<PathBuf>,
    /// The maximum number of open connections.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, max_connections: 10 }
    }
}

impl DatabaseConfig {
    /// The URL with its password masked.
    #[must_use]
    #[doc(hidden)]
    pub fn masked_url(&self) -> Option<String> {
        self.url.as_ref().map(|url| mask_password(url.expose_secret()))
    }

    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure(
            self.url.is_none() || self.url_file.is_none(),
            "database.url",
            "and database.url_file are both set; keep only one of them",
        )?;
        if let Some(url) = &self.url {
            let invalid = |expected| InvalidValue { key: "database.url".to_owned(), expected };
            DatabaseUrl::parse(url.expose_secret()).map_err(invalid)?;
        }
        ensure(
            (2..=1000).contains(&self.max_connections),
            "database.max_connections",
            "must be between 2 and 1000",
        )
    }
}

impl Config {
    /// The parsed URL of the database. Without a URL, the embedded database.
    ///
    /// # Errors
    /// The URL is invalid.
    #[doc(hidden)]
    pub fn database_url(&self) -> Result<DatabaseUrl, InvalidValue> {
        match &self.database.url {
            None => Ok(DatabaseUrl::Sqlite { path: self.data_dir.join("portcullis.db"), creates: true }),
            Some(url) => DatabaseUrl::parse(url.expose_secret())
                .map_err(|expected| InvalidValue { key: "database.url".to_owned(), expected }),
        }
    }

    /// The file of the SQLite database. `None` for PostgreSQL.
    #[must_use]
    #[doc(hidden)]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match self.database_url() {
            Ok(DatabaseUrl::Sqlite { path, .. }) => Some(path),
            _ => None,
        }
    }

    /// The name of the database for messages: the file, or the URL with its password masked.
    #[must_use]
    #[doc(hidden)]
    pub fn database_name(&self) -> String {
        let file = self.sqlite_file().map(|path| path.display().to_string());
        file.or_else(|| self.database.masked_url()).unwrap_or_default()
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn without_password<S: Serializer>(url: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(|url| mask_password(url.expose_secret())).serialize(serializer)
}

/// Masks the password, which is before the last `@` or in a parameter. Any part that may be a password is masked.
fn mask_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return MASK.to_owned() };
    let (user, host) = match rest.rsplit_once('@') {
        Some((credentials, host)) => match credentials.split_once(':') {
            Some((user, _)) => (format!("{user}:{MASK}@"), host),
            None => (format!("{credentials}@"), host),
        },
        None => (String::new(), rest),
    };
    let host = host.split_once('?').map_or_else(|| host.to_owned(), |(host, _)| format!("{host}?{MASK}"));
    format!("{scheme}://{user}{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://ada:se:cr@et@db:5432/p", "postgres://ada:********@db:5432/p"),
            ("postgres://ada@db/p", "postgres://ada@db/p"),
            ("postgres:///p?host=/run&password=secret", "postgres:///p?********"),
            ("postgres://ada:secret@db/p?sslmode=require", "postgres://ada:********@db/p?********"),
            ("postgres://ada:sec/r?et@db/p", "postgres://ada:********@db/p"),
            ("ada:secret", "********"),
            ("sqlite:data/a.db", "sqlite:data/a.db"),
        ] {
            assert_eq!(mask_password(url), shown);
        }
    }
}
