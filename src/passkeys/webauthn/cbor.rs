//! Reading CBOR (RFC 8949) with a limited depth.

use ciborium::Value;

use super::Rejection;

/// The maximum number of nested arrays and maps. An attestation object without an attestation has two.
const MAX_DEPTH: usize = 8;

/// Reads one item, and advances `bytes` to its end.
pub(super) fn read(bytes: &mut &[u8]) -> Result<Value, Rejection> {
    ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH)
        .map_err(|_| Rejection("the response contains invalid CBOR"))
}

/// Reads a map, and advances `bytes` to its end.
pub(super) fn read_map(bytes: &mut &[u8]) -> Result<Map, Rejection> {
    match read(bytes)? {
        Value::Map(entries) => Map::new(entries),
        _ => Err(Rejection("the response contains a CBOR item that is not a map")),
    }
}

/// A map without duplicate keys.
pub(super) struct Map(Vec<(Value, Value)>);

impl Map {
    pub(super) fn new(entries: Vec<(Value, Value)>) -> Result<Self, Rejection> {
        let is_repeated = |(index, (key, _)): (usize, &(Value, Value))| {
            entries[..index].iter().any(|(earlier, _)| earlier == key)
        };
        // The number of entries is limited, because the comparison of all keys takes quadratic time.
        if entries.len() > 32 || entries.iter().enumerate().any(is_repeated) {
            return Err(Rejection("a CBOR map has too many or duplicate keys"));
        }
        Ok(Self(entries))
    }

    /// The value of a key that is an integer.
    pub(super) fn at(&self, key: i64) -> Option<&Value> {
        self.get(&Value::from(key))
    }

    /// The value of a key that is a text.
    pub(super) fn named(&self, key: &str) -> Option<&Value> {
        self.get(&Value::from(key))
    }

    /// The integer with this key.
    pub(super) fn integer(&self, key: i64) -> Option<i64> {
        self.at(key)?.as_integer()?.try_into().ok()
    }

    /// The byte string with this key.
    pub(super) fn bytes(&self, key: i64) -> Option<&[u8]> {
        self.at(key)?.as_bytes().map(Vec::as_slice)
    }

    fn get(&self, key: &Value) -> Option<&Value> {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }
}
