mod url;

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

pub use self::url::DatabaseUrl;
use super::{Config, Impossible, MASK, require};

/// `[database]`: where the data are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`. Without it, `portcullis.db` in `data_dir`.
    #[serde(serialize_with = "without_password")]
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
    /// The URL as it may be shown: without its password.
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.url.as_ref().map(|url| mask_password(url.expose_secret()))
    }

    pub(super) fn check(&self) -> Result<(), Impossible> {
        require(
            self.url.is_none() || self.url_file.is_none(),
            "database.url",
            "and database.url_file are both set; keep one of them",
        )?;
        if let Some(url) = &self.url {
            let impossible = |wants| Impossible { key: "database.url".to_owned(), wants };
            DatabaseUrl::parse(url.expose_secret()).map_err(impossible)?;
        }
        require(
            (2..=1000).contains(&self.max_connections),
            "database.max_connections",
            "must be between 2 and 1000",
        )
    }
}

impl Config {
    /// The database: the embedded one unless there is a URL.
    ///
    /// # Errors
    /// The reason why the URL cannot be.
    pub fn database_url(&self) -> Result<DatabaseUrl, Impossible> {
        match &self.database.url {
            None => Ok(DatabaseUrl::Sqlite { path: self.data_dir.join("portcullis.db"), creates: true }),
            Some(url) => DatabaseUrl::parse(url.expose_secret())
                .map_err(|wants| Impossible { key: "database.url".to_owned(), wants }),
        }
    }

    /// The file of the embedded database; `None` when the data are in PostgreSQL.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match self.database_url() {
            Ok(DatabaseUrl::Sqlite { path, .. }) => Some(path),
            _ => None,
        }
    }

    /// The database as it may be shown.
    #[must_use]
    pub fn shown_database(&self) -> String {
        let file = self.sqlite_file().map(|path| path.display().to_string());
        file.or_else(|| self.database.shown_url()).unwrap_or_default()
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
fn without_password<S: Serializer>(url: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(|url| mask_password(url.expose_secret())).serialize(serializer)
}

/// A password stands before the last `@`, or among the parameters. What cannot be told apart is masked.
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
