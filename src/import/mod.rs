//! Files of accounts of other systems, and of this one: reading records, and validating them.
//!
//! [`Records`] reads a file record by record, never as a whole. [`AccountReader`] turns a record into an account, or
//! returns the reason of its [`Refusal`]. `admin` writes the accounts.
//!
//! Invariants:
//! - A record takes at most [`MAX_RECORD_BYTES`], whatever the file contains.
//! - A refusal concerns one record. Only where the next record cannot be found does reading end ([`ReadError`]).
//! - No refusal repeats a password, a hash, or any other text of the file, except for a valid username and the name of a
//!   role.
//!
//! To add a field, add a variant to [`Field`] with its names, and read it in `account.rs`.

mod account;
mod array;
mod field;
mod input;
mod lines;
mod record;
mod records;
mod refusal;
mod seen;
mod table;

pub use self::{
    account::{AccountReader, NewImport},
    field::{Field, InvalidMapping, Mapping},
    input::MAX_RECORD_BYTES,
    records::{Format, NumberedRecord, ReadError, Records},
    refusal::Refusal,
    seen::Seen,
};

/// The number of the first line of a record, and its text.
type NumberedText<'a> = (u64, Result<&'a [u8], Refusal>);
