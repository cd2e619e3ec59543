//! Base64, hexadecimal numbers and decimal numbers, as other systems write them.

use base64::{
    Engine,
    alphabet::{BCRYPT, STANDARD},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::MalformedHash;

/// Writes no padding, and accepts it. Some systems leave arbitrary bits in the last character.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);

/// The range of the length of salts, bytes.
pub(super) const SALT_BYTES: std::ops::RangeInclusive<usize> = 1..=128;

/// The range of the length of outputs, bytes. A shorter one would match too many passwords.
pub(super) const OUTPUT_BYTES: std::ops::RangeInclusive<usize> = 16..=128;

/// Decodes standard base64, and passlib's with `.` instead of `+`.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, MalformedHash> {
    BASE64.decode(text.replace('.', "+")).map_err(|_| MalformedHash::Syntax)
}

/// Encodes standard base64 without padding, as PHC strings do.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Decodes the base64 of bcrypt to an array.
pub(super) fn from_bcrypt64<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], MalformedHash> {
    let bytes = BCRYPT64.decode(text).map_err(|_| MalformedHash::Syntax)?;
    bytes.try_into().map_err(|_| MalformedHash::Syntax)
}

/// Encodes the base64 of bcrypt.
pub(super) fn to_bcrypt64(bytes: &[u8]) -> String {
    BCRYPT64.encode(bytes)
}

/// Decodes hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Result<Vec<u8>, MalformedHash> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or(MalformedHash::Syntax)
}

/// Encodes lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Reads a decimal number without a sign.
pub(super) fn number(text: &str) -> Result<u32, MalformedHash> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).ok_or(MalformedHash::Syntax)
}

/// Splits a text into exactly this many parts.
pub(super) fn parts<const COUNT: usize>(text: &str, separator: char) -> Result<[&str; COUNT], MalformedHash> {
    let parts: Vec<&str> = text.splitn(COUNT + 1, separator).collect();
    parts.try_into().map_err(|_| MalformedHash::Syntax)
}

/// The value of a parameter `name=value`.
pub(super) fn value<'a>(text: &'a str, name: &str) -> Result<&'a str, MalformedHash> {
    text.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).ok_or(MalformedHash::Syntax)
}

/// Checks the lengths of a salt and an output.
pub(super) fn check_lengths(salt: &[u8], output: &[u8]) -> Result<(), MalformedHash> {
    if SALT_BYTES.contains(&salt.len()) && OUTPUT_BYTES.contains(&output.len()) {
        Ok(())
    } else {
        Err(MalformedHash::Incomplete)
    }
}
