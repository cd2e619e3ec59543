use std::str::FromStr;

use email_address::EmailAddress as Rfc5321;
use precis_core::profile::PrecisFastInvocation;
use precis_profiles::{UsernameCaseMapped, UsernameCasePreserved};
use unicode_normalization::UnicodeNormalization;

use super::AccountError;

/// The maximum length of a username or a display name, in characters.
const MAX_CHARS: usize = 64;

/// The maximum length of an e-mail address, in bytes (RFC 5321 §4.5.3.1.3, without the angle brackets).
const MAX_EMAIL_BYTES: usize = 254;

/// A username (RFC 8265 §3): the form to display, and the mapped form to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    display: String,
    key: String,
}

impl Username {
    /// Parses a username.
    ///
    /// # Errors
    /// [`AccountError::UsernameInvalid`], with the rule that the name violates.
    pub fn parse(text: &str) -> Result<Self, AccountError> {
        // The length is checked before the mapping, to bound its cost. A character takes at most four bytes.
        if text.is_empty() || text.len() > 4 * MAX_CHARS {
            return Err(AccountError::UsernameInvalid("A username has 1 to 64 characters."));
        }
        let forbidden = |_| {
            AccountError::UsernameInvalid(
                "A username consists of letters, digits and signs such as . _ - without spaces.",
            )
        };
        let key = UsernameCaseMapped::enforce(text).map_err(forbidden)?.into_owned();
        let display = UsernameCasePreserved::enforce(text).map_err(forbidden)?.into_owned();
        if key.chars().count() > MAX_CHARS || display.chars().count() > MAX_CHARS {
            return Err(AccountError::UsernameInvalid("A username has 1 to 64 characters."));
        }
        Ok(Self { display, key })
    }

    /// The form to display, as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.display
    }

    /// The mapped form, by which usernames are compared.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// An e-mail address (RFC 5321 §4.1.2, and RFC 6531 for other scripts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses an e-mail address.
    ///
    /// # Errors
    /// [`AccountError::EmailInvalid`].
    pub fn parse(text: &str) -> Result<Self, AccountError> {
        let text = text.trim();
        let is_address = text.len() <= MAX_EMAIL_BYTES
            && !text.contains(|c: char| c.is_control() || c.is_whitespace())
            && text.rsplit_once('@').is_some_and(|(_, host)| host.contains('.') && !host.starts_with('['))
            && Rfc5321::from_str(text).is_ok_and(|address| address.display_part().is_empty());
        if is_address {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccountError::EmailInvalid("This is not an e-mail address."))
        }
    }

    /// The form to display, as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key by which addresses are compared. It ignores case, because no common provider distinguishes
    /// Ada@ from ada@.
    #[must_use]
    pub fn key(&self) -> String {
        search_key(&self.0)
    }
}

/// A display name: one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Parses a display name. Returns `None` for an empty one.
    ///
    /// # Errors
    /// [`AccountError::DisplayNameInvalid`].
    pub fn parse(text: &str) -> Result<Option<Self>, AccountError> {
        let text = text.trim();
        if text.len() > 4 * MAX_CHARS || text.chars().count() > MAX_CHARS {
            return Err(AccountError::DisplayNameInvalid("A display name has at most 64 characters."));
        }
        if text.chars().any(char::is_control) {
            return Err(AccountError::DisplayNameInvalid(
                "A display name is one line without control characters.",
            ));
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The form to display, as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Normalizes text for searching: NFKC, in lower case.
#[must_use]
pub(super) fn search_key(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usernames_are_compared_by_their_mapped_form() {
        let key = |text| Username::parse(text).expect("a username").key().to_owned();
        assert_eq!(key("Ada"), key("ada"));
        assert_eq!(key("Ａｄａ"), key("ada"), "full-width letters are letters");
        assert_eq!(key("Å"), key("A\u{30a}"), "composed and decomposed are one");
        assert_eq!(Username::parse("Ada").expect("a username").as_str(), "Ada");
        for refused in
            ["", " ", "a b", "a\0b", "a\u{202e}b", "😀", "a\n", &"a".repeat(65), &"a".repeat(10_000)]
        {
            assert!(Username::parse(refused).is_err(), "{refused:?}");
        }
        assert!(Username::parse(&"ä".repeat(64)).is_ok());
    }

    #[test]
    fn addresses_are_addresses() {
        for address in ["ada@example.com", "a+b@sub.example.org", "ädä@exämple.com", " ada@example.com "] {
            assert!(EmailAddress::parse(address).is_ok(), "{address:?}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for refused in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "a b@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\n.evil",
            "ada@[127.0.0.1]",
            &long,
        ] {
            assert!(EmailAddress::parse(refused).is_err(), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn a_username_is_what_it_is_read_as(text in "\\PC{1,70}") {
            if let Ok(username) = Username::parse(&text) {
                let again = Username::parse(username.as_str()).expect("the displayed form can be parsed");
                prop_assert_eq!(again.key(), username.key());
                prop_assert!(!username.key().contains('\0'));
            }
        }
    }
}
