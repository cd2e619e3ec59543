//! The accounts, which are the same on all servers.

use std::{fmt::Write, fs, path::Path};

use argon2::{Argon2, PasswordHasher};
use serde_json::json;

use crate::Outcome;

/// The password of all accounts.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The administrator.
pub(crate) const ADMINISTRATOR: &str = "root";

/// The number of accounts besides the administrator.
pub(crate) const ACCOUNTS: usize = 1000;

/// 2026-01-01T00:00:00Z in milliseconds since 1970.
const FIRST_DAY_MS: u128 = 1_767_225_600_000;

const MINUTE_MS: u128 = 60 * 1000;

/// The alphabet of base32 in a `TypeID`, which is Crockford's.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The username of an account: 0 to [`ACCOUNTS`], without the last.
pub(crate) fn username(number: usize) -> String {
    format!("ada{number:04}")
}

/// Writes all accounts to a file, in the format that `portcullis users import` reads: one JSON object on each line.
/// They have one hash with the default parameters of all servers: Argon2id, 19 MiB, two passes, one lane.
pub(crate) fn write(file: &Path) -> Outcome {
    let hash = Argon2::default().hash_password_with_salt(PASSWORD.as_bytes(), b"the benchmark's salt")?;
    let hash = hash.to_string();
    let mut lines = String::new();
    for number in 0..=ACCOUNTS {
        let is_administrator = number == ACCOUNTS;
        let username = if is_administrator { ADMINISTRATOR.to_owned() } else { username(number) };
        let account = json!({
            "id": id(number),
            "username": username,
            "passwordHash": hash,
            // Otherwise the first login of each account replaces the hash, which costs a second one.
            "passwordNormalization": "NFKC",
            "email": format!("{username}@example.com"),
            "displayName": format!("Ada the {number}th"),
            "roles": [if is_administrator { "admin" } else { "user" }],
            "createdAt": created_at(number),
        });
        writeln!(lines, "{account}")?;
    }
    Ok(fs::write(file, lines)?)
}

/// The ID of an account: a `TypeID` of a UUIDv7. Accounts are created one minute after another.
fn id(number: usize) -> String {
    let ms = FIRST_DAY_MS + number as u128 * MINUTE_MS;
    let uuid = ms << 80 | 7 << 76 | 2 << 62 | number as u128;
    let digit =
        |place: u32| char::from(ALPHABET[usize::try_from(uuid >> (5 * place) & 31).unwrap_or_default()]);
    format!("user_{}", (0..26).rev().map(digit).collect::<String>())
}

fn created_at(number: usize) -> String {
    let (day, hour, minute) = (1 + number / (24 * 60), number / 60 % 24, number % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:00.000Z")
}
