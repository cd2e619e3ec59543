//! What is known of the person who chooses a password.

use secrecy::zeroize::Zeroizing;
use unicode_normalization::UnicodeNormalization as _;

use super::password::MAX_CHARACTERS;

/// Shorter usernames may be part of a password: else "a" would forbid nearly all of them.
const MIN_USERNAME_CHARACTERS: usize = 3;

/// How many words of a display name zxcvbn hears of.
const MAX_USER_INPUTS: usize = 16;

/// Whose password it is to be: what an attacker who knows them would try first.
#[derive(Clone, Copy, Debug)]
pub struct PasswordContext<'a> {
    /// The name to sign in with.
    pub username: &'a str,
    /// The address, verified or not.
    pub email: Option<&'a str>,
    /// The name that others see.
    pub display_name: Option<&'a str>,
}

impl PasswordContext<'_> {
    /// Whether the username is inside `password`, in whatever case.
    pub(super) fn is_username_in(&self, password: &str) -> bool {
        let caseless = |text: &str| {
            let lowercase = || text.nfkc().flat_map(char::to_lowercase);
            // As long as it must be: a string that grows leaves unwiped copies behind.
            let bytes = lowercase().map(char::len_utf8).sum();
            let mut caseless = Zeroizing::new(String::with_capacity(bytes));
            caseless.extend(lowercase());
            caseless
        };
        let username = self.username;
        // What is longer than any password is in none of them.
        let countable = username.chars().take(MAX_CHARACTERS + 1).count();
        (MIN_USERNAME_CHARACTERS..=MAX_CHARACTERS).contains(&countable)
            && caseless(password).contains(caseless(username).as_str())
    }

    /// Words for zxcvbn's dictionary: each as a whole, and the parts that people use alone.
    pub(super) fn user_inputs(&self) -> Vec<String> {
        let email = self.email.unwrap_or_default();
        let display_name = self.display_name.unwrap_or_default();
        [self.username, email, display_name]
            .into_iter()
            .chain(email.split(['@', '.', '+']))
            .chain(display_name.split_whitespace())
            // What is longer than any password is in none, and would only cost time.
            .filter(|input| (1..=MAX_CHARACTERS).contains(&input.len()))
            .take(MAX_USER_INPUTS)
            .map(|input| input.nfkc().collect())
            .collect()
    }
}
