//! The values of a record.

use std::rc::Rc;

use chrono::DateTime;
use csv::StringRecord;
use serde_json::{Map, Value as Json};

use super::{Field, Mapping, Refusal, field::simplified};
use crate::clock::Timestamp;

/// A record of a file.
pub(super) enum Record {
    /// A JSON object.
    Object(Map<String, Json>),
    /// A row of a table.
    Row { header: Rc<[String]>, row: StringRecord },
}

impl Record {
    /// Parses a JSON object.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let text = str::from_utf8(text).map_err(|_| Refusal::NotUtf8)?;
        match serde_json::from_str(text) {
            Ok(Json::Object(object)) => Ok(Self::Object(object)),
            Ok(_) => Err(Refusal::NotAnObject),
            Err(error) => Err(Refusal::Json { line: error.line(), column: error.column() }),
        }
    }

    /// The value of a field. `None` if it is missing, null, or an empty cell of a table. An empty cell
    /// of roles is an empty list.
    pub(super) fn value(&self, field: Field, mapping: &Mapping) -> Option<Json> {
        let found = match (self, mapping.name(field)) {
            (_, Some("")) => None,
            (Self::Object(object), Some(path)) => at_path(object, path).cloned(),
            (Self::Object(object), None) => {
                let is_named = |name: &String| is_name_of(field, name);
                object.iter().find(|(name, _)| is_named(name)).map(|(_, value)| value.clone())
            }
            (Self::Row { header, row }, name) => {
                let is_named =
                    |column: &String| name.map_or_else(|| is_name_of(field, column), |name| column == name);
                let cell = header.iter().position(is_named).and_then(|column| row.get(column));
                cell.filter(|cell| field == Field::Roles || !cell.is_empty()).map(Json::from)
            }
        };
        found.map(plain).filter(|value| !value.is_null())
    }

    /// The time in a MongoDB `ObjectId`, whose first four bytes are seconds since the Unix epoch.
    pub(super) fn object_id_time(&self) -> Option<Timestamp> {
        let Self::Object(object) = self else { return None };
        let id = object.get("_id")?.get("$oid")?.as_str().filter(|id| id.len() == 24)?;
        let seconds = u32::from_str_radix(id.get(..8)?, 16).ok()?;
        DateTime::from_timestamp(seconds.into(), 0)
    }
}

fn is_name_of(field: Field, name: &str) -> bool {
    let name = simplified(name);
    field.names().iter().any(|own| simplified(own) == name)
}

/// The value at a path such as `emails.0.address`. A member whose name contains dots is found as well.
fn at_path<'a>(object: &'a Map<String, Json>, path: &str) -> Option<&'a Json> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let mut parts = path.split('.');
    let first = object.get(parts.next()?)?;
    parts.try_fold(first, |value, part| match value {
        Json::Object(object) => object.get(part),
        Json::Array(list) => list.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The value without MongoDB's notation of its type (Extended JSON 2.0), such as `{"$date": …}`.
fn plain(value: Json) -> Json {
    let Json::Object(object) = &value else { return value };
    let typed = object.iter().next().filter(|_| object.len() == 1);
    match typed {
        Some((name, inner))
            if ["$date", "$oid", "$numberLong", "$numberInt", "$symbol"].contains(&name.as_str()) =>
        {
            plain(inner.clone())
        }
        _ => value,
    }
}

/// Text. Numbers and identifiers are text as well.
pub(super) fn text(field: Field, value: Json) -> Result<String, Refusal> {
    match value {
        Json::String(text) => Ok(text),
        Json::Number(number) => Ok(number.to_string()),
        _ => Err(Refusal::Invalid { field, expected: "text" }),
    }
}

/// A JSON value. A table has it as text.
pub(super) fn json(field: Field, value: Json) -> Result<Json, Refusal> {
    match value {
        Json::String(text) => {
            serde_json::from_str(&text).map_err(|_| Refusal::Invalid { field, expected: "a JSON object" })
        }
        other => Ok(other),
    }
}

/// True or false.
pub(super) fn flag(field: Field, value: &Json) -> Result<bool, Refusal> {
    let text = match value {
        Json::Bool(flag) => return Ok(*flag),
        Json::String(text) => text.trim().to_ascii_lowercase(),
        Json::Number(number) => number.to_string(),
        _ => String::new(),
    };
    match text.as_str() {
        "true" | "1" | "yes" | "t" => Ok(true),
        "false" | "0" | "no" | "f" => Ok(false),
        _ => Err(Refusal::Invalid { field, expected: "true or false" }),
    }
}

/// A list of texts, or text with commas.
pub(super) fn list(field: Field, value: Json) -> Result<Vec<String>, Refusal> {
    match value {
        Json::Array(items) => items.into_iter().map(|item| text(field, item)).collect(),
        Json::String(text) => Ok(text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(ToOwned::to_owned)
            .collect()),
        _ => Err(Refusal::Invalid { field, expected: "a list of texts, or text with commas" }),
    }
}

/// A time after 1970: RFC 3339, or milliseconds since the Unix epoch.
pub(super) fn time(field: Field, value: &Json, now: Timestamp) -> Result<Timestamp, Refusal> {
    let milliseconds = match value {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let parsed = match (milliseconds, value) {
        (Some(milliseconds), _) => DateTime::from_timestamp_millis(milliseconds),
        (None, Json::String(text)) => {
            DateTime::parse_from_rfc3339(text.trim()).ok().map(|time| time.to_utc())
        }
        _ => None,
    };
    let time = parsed.and_then(|time| DateTime::from_timestamp_millis(time.timestamp_millis()));
    time.filter(|time| (DateTime::UNIX_EPOCH..=now).contains(time))
        .ok_or(Refusal::Invalid { field, expected: "a past time in RFC 3339 or in milliseconds since 1970" })
}
