//! The data of a Token Status List (draft-ietf-oauth-status-list): the reference in a token, the list, and its
//! encoding.
//!
//! A list is an array of bits that the issuer signs and publishes. A token names its index in the list, so that a
//! verifier that has the list knows whether the token was revoked.

use std::io::{Read, Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Serialize};

/// The maximum size of a list that is decoded, bytes. Without it, a few kilobytes could decompress to gigabytes.
const MAX_LIST_BYTES: u64 = 1 << 20;

/// The `status` claim of a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The place of the token's status.
    pub status_list: StatusReference,
}

/// The place of a token's status: an index in a status list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StatusReference {
    /// The index in the list.
    pub idx: u64,
    /// The URL of the list.
    pub uri: String,
}

/// The claims of a status list token, which is a JWT with the type [`StatusListClaims::TYPE`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StatusListClaims {
    /// Issuer of the list, which is that of the tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The URL of the list. It equals the `uri` of the tokens.
    pub sub: String,
    /// Issued at, seconds since the Unix epoch.
    pub iat: i64,
    /// Expiry, seconds since the Unix epoch. A verifier must not use the list after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The time, in seconds, after which a verifier should fetch the list again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// The list.
    pub status_list: EncodedStatusList,
}

impl StatusListClaims {
    /// The `typ` header of a status list token.
    pub const TYPE: &str = "statuslist+jwt";
    /// The media type of a status list token.
    pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
}

/// A status list as a status list token contains it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct EncodedStatusList {
    /// The number of bits of each status: 1, 2, 4 or 8.
    pub bits: u8,
    /// The bytes of the list, compressed in the ZLIB format (RFC 1950), in base64url.
    pub lst: String,
}

/// A status list: the statuses of many tokens, each identified by its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Vec<u8>,
}

/// An error of decoding a status list.
#[derive(Debug, thiserror::Error)]
pub enum StatusListError {
    /// The number of bits is not 1, 2, 4 or 8.
    #[error("a status has 1, 2, 4 or 8 bits, not {0}")]
    Bits(u8),
    /// The list is not in base64url.
    #[error("the list is not in base64url: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The list is not in the ZLIB format.
    #[error("the list is not in the ZLIB format: {0}")]
    Zlib(#[from] std::io::Error),
    /// The list is larger than the maximum.
    #[error("the list has more than {MAX_LIST_BYTES} bytes")]
    TooLarge,
}

impl StatusList {
    /// The status of a valid token.
    pub const VALID: u8 = 0;

    /// Creates a list with one bit for each token, in which all tokens are valid. The length is rounded up to a
    /// multiple of 8.
    #[must_use]
    pub fn new(length: usize) -> Self {
        Self { bits: 1, bytes: vec![0; length.div_ceil(8)] }
    }

    /// Marks the token with this index as invalid. An index outside the list has no effect.
    pub fn set_invalid(&mut self, index: usize) {
        let bits = usize::from(self.bits);
        if let Some(byte) = self.bytes.get_mut(index * bits / 8) {
            *byte |= 1 << (index * bits % 8);
        }
    }

    /// The status of the token with this index. `None` if the list has no such index; then the token must be rejected.
    #[must_use]
    pub fn status(&self, index: u64) -> Option<u8> {
        let bit = usize::try_from(index).ok()?.checked_mul(usize::from(self.bits))?;
        let byte = self.bytes.get(bit / 8)?;
        Some((byte >> (bit % 8)) & (u8::MAX >> (8 - self.bits)))
    }

    /// Compresses the list with the highest level, as the draft recommends.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a vector accepts all bytes")]
    pub fn encode(&self) -> EncodedStatusList {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
        let compressed = compressed.expect("a vector accepts all bytes");
        EncodedStatusList { bits: self.bits, lst: BASE64_URL_SAFE_NO_PAD.encode(compressed) }
    }

    /// Decodes a list of at most 1 MiB, which has the statuses of 8 million tokens with one bit each.
    ///
    /// # Errors
    /// [`StatusListError`] when the encoding is invalid or the list is too large.
    pub fn decode(encoded: &EncodedStatusList) -> Result<Self, StatusListError> {
        if ![1, 2, 4, 8].contains(&encoded.bits) {
            return Err(StatusListError::Bits(encoded.bits));
        }
        let compressed = BASE64_URL_SAFE_NO_PAD.decode(&encoded.lst)?;
        let mut bytes = Vec::new();
        ZlibDecoder::new(compressed.as_slice()).take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_LIST_BYTES {
            return Err(StatusListError::TooLarge);
        }
        Ok(Self { bits: encoded.bits, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bits: u8, lst: &str) -> EncodedStatusList {
        EncodedStatusList { bits, lst: lst.to_owned() }
    }

    /// The examples of section 4.1 and 4.2 of the draft.
    #[test]
    fn the_examples_of_the_draft_decode() {
        let list = StatusList::decode(&encoded(1, "eNrbuRgAAhcBXQ")).expect("a list");
        let statuses: Vec<_> = (0..17).map(|index| list.status(index)).collect();
        let expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1].map(Some);
        assert_eq!(statuses[..16], expected);
        assert_eq!(statuses[16], None, "outside the list");

        let list = StatusList::decode(&encoded(2, "eNo76fITAAPfAgc")).expect("a list");
        let statuses: Vec<_> = (0..13).map(|index| list.status(index)).collect();
        assert_eq!(statuses[..12], [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3].map(Some));
        assert_eq!(statuses[12], None, "outside the list");
    }

    #[test]
    fn the_example_of_the_draft_is_encoded_to_the_same_text() {
        let mut list = StatusList::new(16);
        for index in [0, 3, 4, 5, 7, 8, 9, 13, 15] {
            list.set_invalid(index);
        }
        assert_eq!(list.bytes, [0xB9, 0xA3]);
        assert_eq!(list.encode(), encoded(1, "eNrbuRgAAhcBXQ"));
    }

    /// The test vector C.1 of the draft: 2^20 statuses of one bit.
    #[test]
    fn the_test_vector_with_one_bit_decodes_and_encodes() {
        let lst = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAA\
                   AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAA\
                   AAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb";
        let invalid =
            [0, 1_993, 25_460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
        let list = StatusList::decode(&encoded(1, lst)).expect("a list");
        let found: Vec<u64> = (0..1 << 20).filter(|index| list.status(*index) == Some(1)).collect();
        assert_eq!(found, invalid);
        assert_eq!(list.status(1 << 20), None);

        let mut ours = StatusList::new(1 << 20);
        for index in invalid {
            ours.set_invalid(usize::try_from(index).expect("a small index"));
        }
        assert_eq!(ours, list);
        let again = ours.encode();
        assert_eq!(StatusList::decode(&again).expect("a list"), list);
        assert!(again.lst.len() <= lst.len() + 16, "compressed as well as in the draft: {}", again.lst.len());
    }

    /// The test vector C.2 of the draft: 2^20 statuses of two bits.
    #[test]
    fn the_test_vector_with_two_bits_decodes() {
        let lst = "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                   AEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                   AAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAA\
                   AAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAA\
                   AAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw";
        let expected = [
            (0, 1),
            (1_993, 2),
            (25_460, 1),
            (159_495, 3),
            (495_669, 1),
            (554_353, 1),
            (645_645, 2),
            (723_232, 1),
            (854_545, 1),
            (934_534, 2),
            (1_000_345, 3),
        ];
        let list = StatusList::decode(&encoded(2, lst)).expect("a list");
        let statuses = (0..1 << 20).filter_map(|index| Some((index, list.status(index)?)));
        let found: Vec<(u64, u8)> = statuses.filter(|(_, status)| *status != StatusList::VALID).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_small_text_cannot_decompress_to_a_huge_list() {
        let bomb = StatusList::new(64 << 23).encode();
        assert!(bomb.lst.len() < 100_000, "{}", bomb.lst.len());
        assert!(matches!(StatusList::decode(&bomb), Err(StatusListError::TooLarge)));
        let largest = StatusList::new(1 << 23);
        assert_eq!(StatusList::decode(&largest.encode()).expect("a list"), largest);
    }

    #[test]
    fn an_invalid_encoding_is_an_error() {
        assert!(matches!(StatusList::decode(&encoded(3, "eNrbuRgAAhcBXQ")), Err(StatusListError::Bits(3))));
        assert!(matches!(StatusList::decode(&encoded(0, "eNrbuRgAAhcBXQ")), Err(StatusListError::Bits(0))));
        assert!(matches!(StatusList::decode(&encoded(1, "eNrbu+")), Err(StatusListError::Base64(_))));
        assert!(matches!(StatusList::decode(&encoded(1, "AAAA")), Err(StatusListError::Zlib(_))));
        let truncated = &StatusList::new(1 << 17).encode().lst[..20];
        assert!(matches!(StatusList::decode(&encoded(1, truncated)), Err(StatusListError::Zlib(_))));
    }

    #[test]
    fn an_index_outside_the_list_has_no_status() {
        let mut list = StatusList::new(8);
        list.set_invalid(8);
        assert_eq!(list, StatusList::new(8));
        assert_eq!(list.status(u64::MAX), None);
        assert_eq!(list.status(7), Some(StatusList::VALID));
    }
}
