use std::net::IpAddr;

use url::Url;

use super::{DatabaseUrl, parameters, unknown};

/// The parameters that sqlx supports.
const KNOWN: [&str; 18] = [
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

/// The parameters of libpq that are accepted without an effect, with the values that are accepted; `None` stands for
/// all values. Other values would request a behaviour that this server does not have.
const WITHOUT_EFFECT: [(&str, Option<&[&str]>); 12] = [
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

/// The values of `sslmode` that both sqlx and libpq support.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Parses the part after `postgres://`.
pub(super) fn parse(rest: &str) -> Result<DatabaseUrl, String> {
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = base.split_at(base.find('/').unwrap_or(base.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.contains(',') {
        return Err(ONE_HOST.to_owned());
    }
    // libpq permits a user without a host, the URL standard does not.
    let host = if host.is_empty() && !user.is_empty() { "localhost" } else { host };
    let at = if user.is_empty() { "" } else { "@" };
    let mut url =
        Url::parse(&format!("postgres://{user}{at}{host}{path}")).map_err(|_| NOT_A_URL.to_owned())?;
    let (mut known, mut settings) = (Vec::new(), Vec::new());
    for (name, value) in parameters(query)? {
        if check_parameter(&name, &value)? {
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

const ONE_HOST: &str = "must name only one host; put a proxy in front of several hosts";
const NOT_A_URL: &str = "must be a URL such as postgres://USER:PASSWORD@HOST:PORT/DATABASE; percent-encode / ? # @ : in \
    a name or a password";

/// Checks a parameter. Returns whether to pass it on to sqlx.
fn check_parameter(name: &str, value: &str) -> Result<bool, String> {
    let one_of = |values: &[&str]| {
        let is_valid = values.contains(&value);
        is_valid.then_some(()).ok_or_else(|| format!("must have {name} as one of {}", values.join(", ")))
    };
    match name {
        "host" if value.contains(',') => return Err(ONE_HOST.to_owned()),
        "sslmode" | "ssl-mode" => one_of(&SSL_MODES)?,
        // libpq's name for the certificate authorities of the system. sqlx uses those compiled into the program.
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
    if let Some((_, values)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
        values.map_or(Ok(()), one_of)?;
        return Ok(false);
    }
    if KNOWN.contains(&name) || name.starts_with("options[") {
        return Ok(true);
    }
    Err(unknown(name, &KNOWN.join(", ")))
}

/// The name in `options[NAME]`, the syntax of sqlx for one setting.
fn setting_name(parameter: &str) -> Result<String, String> {
    let name = parameter.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
    name.map(ToOwned::to_owned).ok_or_else(|| "must write a setting as options[NAME]=VALUE".to_owned())
}

/// Parses `-c NAME=VALUE`, `-cNAME=VALUE` and `--NAME=VALUE`. A backslash escapes a space.
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

/// Splits a text at spaces that are not escaped.
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
