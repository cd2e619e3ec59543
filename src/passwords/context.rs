//! Attributes of the account whose password is chosen.

use secrecy::zeroize::Zeroizing;
use unicode_normalization::UnicodeNormalization as _;

use super::password::MAX_CHARACTERS;

/// The minimum length of a username that a password must not contain. A username such as "a" would exclude nearly all
/// passwords.
const MIN_USERNAME_CHARACTERS: usize = 3;

/// The maximum number of words that are passed to zxcvbn.
const MAX_USER_INPUTS: usize = 16;

/// Attributes of an account that an attacker would try first as its password (zxcvbn's user inputs).
#[derive(Clone, Copy, Debug)]
pub struct PasswordContext<'a> {
    /// The username.
    pub username: &'a str,
    /// The e-mail address, verified or not.
    pub email: Option<&'a str>,
    /// The display name.
    pub display_name: Option<&'a str>,
}

impl PasswordContext<'_> {
    /// Whether `password` contains the username, ignoring case.
    pub(super) fn is_username_in(&self, password: &str) -> bool {
        let caseless = |text: &str| {
            let lowercase = || text.nfkc().flat_map(char::to_lowercase);
            // With the exact capacity, because a string that grows leaves unwiped copies behind.
            let bytes = lowercase().map(char::len_utf8).sum();
            let mut caseless = Zeroizing::new(String::with_capacity(bytes));
            caseless.extend(lowercase());
            caseless
        };
        let username = self.username;
        // A username that is longer than any password cannot be part of one.
        let countable = username.chars().take(MAX_CHARACTERS + 1).count();
        (MIN_USERNAME_CHARACTERS..=MAX_CHARACTERS).contains(&countable)
            && caseless(password).contains(caseless(username).as_str())
    }

    /// Words for zxcvbn's dictionary: each attribute as a whole, and its parts.
    pub(super) fn user_inputs(&self) -> Vec<String> {
        let email = self.email.unwrap_or_default();
        let display_name = self.display_name.unwrap_or_default();
        [self.username, email, display_name]
            .into_iter()
            .chain(email.split(['@', '.', '+']))
            .chain(display_name.split_whitespace())
            // A word that is longer than any password cannot be part of one, and would only cost time.
            .filter(|input| (1..=MAX_CHARACTERS).contains(&input.len()))
            .take(MAX_USER_INPUTS)
            .map(|input| input.nfkc().collect())
            .collect()
    }
}
