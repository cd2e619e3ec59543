//! The syntax of `database.url`: URLs of SQLite and PostgreSQL, with the parameters of sqlx and libpq.

mod postgres;
mod sqlite;

use std::{borrow::Cow, path::PathBuf};

use secrecy::SecretString;
use url::form_urlencoded;

/// A parsed `database.url`.
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite {
        /// The path of the file.
        path: PathBuf,
        /// Whether the file is created if it does not exist. `mode=rw` forbids it.
        creates: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// The URL with the parameters that sqlx supports, except `options`.
        url: SecretString,
        /// The session settings of `options`, in order.
        settings: Vec<(String, String)>,
    },
}

impl DatabaseUrl {
    /// Parses a URL. The error says what the URL must be, as the rest of a sentence that starts with the key. It may
    /// name a parameter, and never contains a value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return sqlite::parse(rest);
        }
        match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) => postgres::parse(rest),
            _ => Err("must start with sqlite: or postgres://".to_owned()),
        }
    }
}

/// The name and the value of a parameter.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query. The error does not name a parameter without a value, because it may be the end of a
/// password with an unescaped `&`.
fn parameters(query: &str) -> Result<Vec<Parameter<'_>>, String> {
    let has_value = |part: &str| part.is_empty() || part.contains('=');
    if !query.split('&').all(has_value) {
        return Err("has a parameter without a value; write & in a value as %26".to_owned());
    }
    Ok(form_urlencoded::parse(query.as_bytes()).collect())
}

/// The error for an unknown parameter. It contains the name only if that cannot be a part of a password.
fn unknown(name: &str, known: &str) -> String {
    let is_plain =
        name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b));
    let name = if is_plain { name } else { "with special characters in its name" };
    format!("has the unknown parameter {name}; the known parameters are {known}")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shown(text: &str) -> String {
        match DatabaseUrl::parse(text) {
            Ok(DatabaseUrl::Sqlite { path, creates: true }) => path.display().to_string(),
            Ok(DatabaseUrl::Sqlite { path, .. }) => format!("{} if it exists", path.display()),
            Ok(DatabaseUrl::Postgres { url, settings }) => {
                let settings = settings.iter().map(|(name, value)| format!(" {name}={value}"));
                url.expose_secret().to_owned() + &settings.collect::<String>()
            }
            Err(error) => error,
        }
    }

    #[test]
    fn the_syntax_of_sqlx_and_libpq_is_accepted() {
        for (text, expected) in [
            ("sqlite:p.db", "p.db"),
            ("sqlite:data/p.db", "data/p.db"),
            ("sqlite:./p.db", "./p.db"),
            ("sqlite:/data/p.db", "/data/p.db"),
            ("sqlite://p.db", "p.db"),
            ("sqlite://data/p.db", "data/p.db"),
            ("sqlite:///data/p.db", "/data/p.db"),
            ("sqlite:////data/p.db", "//data/p.db"),
            ("sqlite://a%20b%3F%23.db", "a b?#.db"),
            ("sqlite://p.db?mode=rwc", "p.db"),
            ("sqlite://p.db?mode=rw", "p.db if it exists"),
            ("sqlite:p.db?mode=rwc&cache=shared", "p.db"),
            ("sqlite:p.db?cache=private&immutable=false", "p.db"),
            ("postgres://db/p", "postgres://db/p"),
            ("postgresql://ada:a%40b@db:5433/p", "postgres://ada:a%40b@db:5433/p"),
            ("postgres://ada@[::1]/p", "postgres://ada@[::1]/p"),
            ("postgres:///p?host=/run/postgresql", "postgres:///p?host=%2Frun%2Fpostgresql"),
            ("postgres://%2Frun%2Fpostgresql/p", "postgres://%2Frun%2Fpostgresql/p"),
            ("postgres://ada:b@/p?host=/cloudsql/c", "postgres://ada:b@localhost/p?host=%2Fcloudsql%2Fc"),
            ("postgres://db?user=ada&password=b&dbname=p", "postgres://db?user=ada&password=b&dbname=p"),
            (
                "postgres://db/p?sslmode=verify-full&sslrootcert=ca.pem",
                "postgres://db/p?sslmode=verify-full&sslrootcert=ca.pem",
            ),
            ("postgres://db/p?sslmode=verify-full&sslrootcert=system", "postgres://db/p?sslmode=verify-full"),
            ("postgres://db/p?sslcert=c.pem&sslkey=k.pem", "postgres://db/p?sslcert=c.pem&sslkey=k.pem"),
            ("postgres://db/p?hostaddr=127.0.0.1&port=5433", "postgres://db/p?hostaddr=127.0.0.1&port=5433"),
            ("postgres://db/p?connect_timeout=10&keepalives=1", "postgres://db/p"),
            ("postgres://db/p?target_session_attrs=read-write", "postgres://db/p"),
            ("postgres://db/p?options=-csearch_path%3Da", "postgres://db/p search_path=a"),
            ("postgres://db/p?options=-c%20a%3Db%20--c-d%3De%5C%20f", "postgres://db/p a=b c_d=e f"),
            ("postgres://db/p?options[search_path]=a", "postgres://db/p search_path=a"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_parameter_without_its_value() {
        for (text, part) in [
            ("mysql://hush@db", "must start with sqlite: or postgres://"),
            ("host=db password=hush", "must start with sqlite: or postgres://"),
            ("file:hush.db", "must start with sqlite: or postgres://"),
            ("sqlite:", "must name a file"),
            ("sqlite::memory:", "memory"),
            ("sqlite://:memory:", "memory"),
            ("sqlite://p.db?mode=memory", "memory"),
            ("sqlite://p.db?mode=ro", "mode=rwc or mode=rw"),
            ("sqlite://p.db?immutable=1", "must not have immutable"),
            ("sqlite:file:p.db", "must name a file"),
            ("sqlite:p.db?key=hush", "the unknown parameter key;"),
            ("postgres://db/p?sslpassword=hush", "the unknown parameter sslpassword;"),
            ("postgres://db/p?channel_binding=require", "channel_binding as one of disable, prefer"),
            ("postgres://db/p?target_session_attrs=standby", "target_session_attrs as one of"),
            ("postgres://db/p?sslmode=hush", "sslmode as one of disable,"),
            ("postgres://db/p?port=hush", "port as a number"),
            ("postgres://db/p?password=a&hush", "without a value"),
            ("postgres://db/p?a%2Fhush=1", "with special characters in its name"),
            ("postgres://db/p?options=-dhush", "-c NAME=VALUE"),
            ("postgres://a,b/hush", "must name only one host"),
            ("postgres://db/p?host=a,b", "must name only one host"),
            ("postgres://ada:hush@db:port/p", "must be a URL such as"),
        ] {
            let error = shown(text);
            assert!(error.contains(part) && !error.contains("hush"), "{text}: {error}");
        }
    }
}
