//! Reasons why a record is not imported.

use super::Field;
use crate::{accounts::AccountError, passwords::MalformedHash};

/// The reason why a record is not imported.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The record is longer than [`MAX_RECORD_BYTES`](super::MAX_RECORD_BYTES).
    #[error("it is longer than 1 MiB")]
    TooLong,
    /// The record is not UTF-8.
    #[error("it is not valid UTF-8")]
    NotUtf8,
    /// The record is not JSON.
    #[error("it is not valid JSON (line {line} of the record, column {column})")]
    Json {
        /// The line of the error within the record.
        line: usize,
        /// The column of the error.
        column: usize,
    },
    /// The record is JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// The row has more or fewer columns than the header.
    #[error("it has {found} columns, but the header has {expected}")]
    Columns {
        /// The number of columns of the header.
        expected: usize,
        /// The number of columns of the row.
        found: usize,
    },
    /// A field is missing.
    #[error("it has no {0}; if the field has another name in the file, pass --map {0}=NAME")]
    Missing(Field),
    /// There is neither a hash nor a password.
    #[error(
        "it has neither passwordHash nor password; if the field has another name in the file, pass --map \
             passwordHash=NAME"
    )]
    NoPassword,
    /// A field has the wrong type or value.
    #[error("{field} is not {expected}")]
    Invalid {
        /// The field.
        field: Field,
        /// A description of valid values.
        expected: &'static str,
    },
    /// A field that the account cannot have.
    #[error("{0}")]
    Account(AccountError),
    /// The role is known, but was not allowed.
    #[error("it has the role {0}; pass --allow-role {0} to import accounts with it")]
    Role(String),
    /// The hash cannot be verified.
    #[error("passwordHash: {0}")]
    Hash(MalformedHash),
    /// The hash of Firebase has no parameters.
    #[error("a hash with a salt is one of Firebase; pass the parameters of its project (--firebase-config)")]
    NoFirebaseParameters,
    /// A plain password, or a hash that is not supported.
    #[error("password is not a supported hash ({0}); if it is a plain password, pass --plain-passwords")]
    NotAHash(MalformedHash),
    /// A text in place of a plain password that looks like a hash.
    #[error("password looks like a hash, but not like a supported one: {0}")]
    LooksLikeAHash(MalformedHash),
    /// The plain password is empty.
    #[error("password is empty, or has more than 256 characters")]
    PasswordLength,
    /// An earlier record has the same username.
    #[error("it has the same {field} as line {line}")]
    Duplicate {
        /// The field.
        field: Field,
        /// The line of the earlier record.
        line: u64,
    },
}
