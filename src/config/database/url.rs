use std::{borrow::Cow, net::IpAddr, path::PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Url, form_urlencoded};

/// A parsed `database.url`.
pub enum DatabaseUrl {
    /// A file of SQLite.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Whether the file is made if there is none (`mode=rw` forbids it).
        creates: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// A URL with parameters that sqlx knows, without `options`.
        url: SecretString,
        /// The session settings of `options`, in their order.
        settings: Vec<(String, String)>,
    },
}

/// The parameters of PostgreSQL that sqlx knows. Those with a fixed set of values are in [`POSTGRES_VALUES`].
const POSTGRES_KNOWN: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
    "options",
];

/// The parameters of libpq that change nothing here; `None` if with every value. With other values they would
/// promise what this server does not do.
const POSTGRES_WITHOUT_EFFECT: [(&str, Option<&[&str]>); 12] = [
    ("channel_binding", Some(&["disable", "prefer"])),
    ("client_encoding", Some(&["auto", "utf8", "UTF8", "UTF-8"])),
    ("connect_timeout", None),
    ("fallback_application_name", None),
    ("gssencmode", Some(&["disable", "prefer"])),
    ("keepalives", None),
    ("keepalives_count", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("sslcompression", Some(&["0"])),
    ("target_session_attrs", Some(&["any", "read-write", "primary", "prefer-standby"])),
    ("tcp_user_timeout", None),
];

/// The values of parameters that both sqlx and libpq take from a fixed set.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

impl DatabaseUrl {
    /// Parses a URL. An error says how the URL must be, as the rest of a sentence that starts with the key. It names
    /// a parameter, and never quotes a value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return sqlite(rest);
        }
        match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) => postgres(rest),
            _ => Err("must start with sqlite: or postgres://".to_owned()),
        }
    }
}

/// Reads what follows `sqlite:`, as sqlx does: after `//`, a path that may be relative.
fn sqlite(rest: &str) -> Result<DatabaseUrl, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut creates = true;
    for (name, value) in parameters(query)? {
        match (&*name, &*value) {
            ("mode", "rwc") | ("cache", "private" | "shared") | ("immutable", "false" | "0") => {}
            ("mode", "rw") => creates = false,
            ("mode", "memory") => return Err(IN_MEMORY.to_owned()),
            ("mode", _) => return Err("must have mode=rwc or mode=rw, because a server writes".to_owned()),
            ("cache", _) => return Err("must have cache=private or cache=shared".to_owned()),
            ("immutable" | "vfs", _) => return Err(format!("must not have {name}, because a server writes")),
            (name, _) => return Err(unknown(name, "mode, cache")),
        }
    }
    if path == ":memory:" {
        return Err(IN_MEMORY.to_owned());
    }
    if path.is_empty() || path.starts_with("file:") {
        return Err("must name a file after sqlite:, as in sqlite:data/portcullis.db".to_owned());
    }
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_| "must name a file in UTF-8".to_owned())?;
    if path.contains('\0') {
        return Err("must name a file without a zero byte".to_owned());
    }
    Ok(DatabaseUrl::Sqlite { path: path.into_owned().into(), creates })
}

const IN_MEMORY: &str = "must name a file, because a database in memory is lost at the end of the process";

/// Reads what follows `postgres://`.
fn postgres(rest: &str) -> Result<DatabaseUrl, String> {
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = base.split_at(base.find('/').unwrap_or(base.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.contains(',') {
        return Err(ONE_HOST.to_owned());
    }
    // libpq takes a user without a host; the URL standard does not.
    let host = if host.is_empty() && !user.is_empty() { "localhost" } else { host };
    let at = if user.is_empty() { "" } else { "@" };
    let mut url =
        Url::parse(&format!("postgres://{user}{at}{host}{path}")).map_err(|_| NOT_A_URL.to_owned())?;
    let (mut known, mut settings) = (Vec::new(), Vec::new());
    for (name, value) in parameters(query)? {
        if check_postgres(&name, &value)? {
            match &*name {
                "options" => settings.extend(session_settings(&value)?),
                name if name.starts_with("options[") => {
                    settings.push((setting_name(name)?, value.into_owned()));
                }
                _ => known.push((name, value)),
            }
        }
    }
    if !known.is_empty() {
        url.query_pairs_mut().extend_pairs(known);
    }
    Ok(DatabaseUrl::Postgres { url: url.to_string().into(), settings })
}

const ONE_HOST: &str = "must name one host; put a proxy in front of several";
const NOT_A_URL: &str = "must be a URL such as postgres://USER:PASSWORD@HOST:PORT/DATABASE, in which / ? # @ : in \
    a name or a password are percent-encoded";

/// Checks a parameter; whether sqlx is to see it.
fn check_postgres(name: &str, value: &str) -> Result<bool, String> {
    let one_of = |values: &[&str]| {
        let wants = || Err(format!("must have {name} as one of {}", values.join(", ")));
        if values.contains(&value) { Ok(()) } else { wants() }
    };
    match name {
        "host" if value.contains(',') => return Err(ONE_HOST.to_owned()),
        "sslmode" | "ssl-mode" => one_of(&SSL_MODES)?,
        // libpq's word for the certificate authorities that come with the program.
        "sslrootcert" if value == "system" => return Ok(false),
        "port" if value.parse::<u16>().is_err() => {
            return Err(format!("must have {name} as a number up to 65535"));
        }
        "statement-cache-capacity" if value.parse::<usize>().is_err() => {
            return Err(format!("must have {name} as a number"));
        }
        "hostaddr" if value.parse::<IpAddr>().is_err() => {
            return Err(format!("must have {name} as an IP address"));
        }
        _ => {}
    }
    if let Some((_, values)) = POSTGRES_WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
        values.map_or(Ok(()), one_of)?;
        return Ok(false);
    }
    if POSTGRES_KNOWN.contains(&name) || name.starts_with("options[") {
        return Ok(true);
    }
    Err(unknown(name, &POSTGRES_KNOWN.join(", ")))
}

/// The name in `options[NAME]`, sqlx's spelling of one setting.
fn setting_name(parameter: &str) -> Result<String, String> {
    let name = parameter.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
    name.map(ToOwned::to_owned).ok_or_else(|| "must write a setting as options[NAME]=VALUE".to_owned())
}

/// Reads `-c NAME=VALUE`, `-cNAME=VALUE` and `--NAME=VALUE`, in which a backslash keeps a space.
fn session_settings(options: &str) -> Result<Vec<(String, String)>, String> {
    let wrong = || "must have options of the form -c NAME=VALUE".to_owned();
    let mut settings = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") if word == "-c" => words.next().ok_or_else(wrong)?,
            Some(setting) => setting.to_owned(),
            None => return Err(wrong()),
        };
        let (name, value) = setting.split_once('=').ok_or_else(wrong)?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars().chain([' ']) {
        match c {
            '\\' if !escaped => escaped = true,
            ' ' if !escaped => words.push(std::mem::take(&mut word)),
            c => {
                word.push(c);
                escaped = false;
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The name and the value of a parameter.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query. One without a value is not named: it may be the end of a password with an `&`.
fn parameters(query: &str) -> Result<Vec<Parameter<'_>>, String> {
    let has_value = |part: &str| part.is_empty() || part.contains('=');
    if !query.split('&').all(has_value) {
        return Err("has a parameter without a value; write & in a value as %26".to_owned());
    }
    Ok(form_urlencoded::parse(query.as_bytes()).collect())
}

fn unknown(name: &str, known: &str) -> String {
    let is_plain =
        name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b));
    let name = if is_plain { name } else { "with signs in its name" };
    format!("has the unknown parameter {name}; known are {known}")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn shown(text: &str) -> String {
        match DatabaseUrl::parse(text) {
            Ok(DatabaseUrl::Sqlite { path, creates: true }) => path.display().to_string(),
            Ok(DatabaseUrl::Sqlite { path, .. }) => format!("{} if it is there", path.display()),
            Ok(DatabaseUrl::Postgres { url, settings }) => {
                let settings = settings.iter().map(|(name, value)| format!(" {name}={value}"));
                url.expose_secret().to_owned() + &settings.collect::<String>()
            }
            Err(error) => error,
        }
    }

    #[test]
    fn every_spelling_of_sqlx_and_libpq_is_accepted() {
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
            ("sqlite://p.db?mode=rw", "p.db if it is there"),
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
    fn what_cannot_be_is_named_without_a_value() {
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
            ("postgres://db/p?a%2Fhush=1", "with signs in its name"),
            ("postgres://db/p?options=-dhush", "-c NAME=VALUE"),
            ("postgres://a,b/hush", "must name one host"),
            ("postgres://db/p?host=a,b", "must name one host"),
            ("postgres://ada:hush@db:port/p", "must be a URL such as"),
        ] {
            let error = shown(text);
            assert!(error.contains(part) && !error.contains("hush"), "{text}: {error}");
        }
    }
}
