use percent_encoding::percent_decode_str;

use super::{DatabaseUrl, parameters, unknown};

/// Parses the part after `sqlite:`, as sqlx does: an optional `//`, and a path that may be relative.
pub(super) fn parse(rest: &str) -> Result<DatabaseUrl, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut creates = true;
    for (name, value) in parameters(query)? {
        match (&*name, &*value) {
            ("mode", "rwc") | ("cache", "private" | "shared") | ("immutable", "false" | "0") => {}
            ("mode", "rw") => creates = false,
            ("mode", "memory") => return Err(IN_MEMORY.to_owned()),
            ("mode", _) => return Err("must have mode=rwc or mode=rw, because the server writes".to_owned()),
            ("cache", _) => return Err("must have cache=private or cache=shared".to_owned()),
            ("immutable" | "vfs", _) => {
                return Err(format!("must not have {name}, because the server writes"));
            }
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
    let path = path.map_err(|_| "must name a file whose name is valid UTF-8".to_owned())?;
    if path.contains('\0') {
        return Err("must name a file without a zero byte".to_owned());
    }
    Ok(DatabaseUrl::Sqlite { path: path.into_owned().into(), creates })
}

const IN_MEMORY: &str = "must name a file, because a database in memory is lost when the process ends";
