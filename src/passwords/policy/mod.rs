//! The policy for new passwords.

use secrecy::{ExposeSecret as _, SecretString};
use zxcvbn::{Score, zxcvbn};

use super::{
    context::PasswordContext,
    hasher::{HashError, Hasher},
    password::{MAX_CHARACTERS, NewPassword, normalise},
};

/// Number of characters that are scored. The remaining ones can only make the password stronger, and the time of
/// scoring grows with the square of the length.
const SCORED_CHARACTERS: usize = 64;

/// Characters that zxcvbn also tries as letters ("4" for "a", "$" for "s"), in all combinations. Its time doubles
/// with about every second one: 64 characters with all of them take half a second. After the first twelve characters,
/// which are enough for the best score, scoring stops at the seventh different one.
const SUBSTITUTES: &str = "4@8({[<3691!|70$5+%2";
const MAX_SUBSTITUTES: usize = 6;
const ALWAYS_SCORED_CHARACTERS: usize = 12;

/// The policy for new passwords. It requires no digits, capitals or symbols (NIST SP 800-63B §5.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    min_length: usize,
    max_length: usize,
    min_score: u8,
}

impl Policy {
    /// Creates a policy of lengths, in Unicode code points after NFKC, and the minimum zxcvbn score, from 0 (any
    /// password) to 4.
    ///
    /// # Errors
    /// [`InvalidPolicy`], with the value that is out of range and its range.
    pub fn new(min_length: usize, max_length: usize, min_score: u8) -> Result<Self, InvalidPolicy> {
        if !(1..=MAX_CHARACTERS).contains(&max_length) {
            return Err(InvalidPolicy::MaxLength);
        }
        if !(1..=max_length).contains(&min_length) {
            return Err(InvalidPolicy::MinLength { max_length });
        }
        if min_score > 4 {
            return Err(InvalidPolicy::MinScore);
        }
        Ok(Self { min_length, max_length, min_score })
    }

    /// Validates `raw` as the new password of the account in `context`. Scoring takes up to 20 ms on the hasher's
    /// threads.
    ///
    /// # Errors
    /// [`PasswordRejected::Policy`] if it violates the policy; [`PasswordRejected::Hasher`] if it could not be scored.
    pub async fn validate(
        &self,
        raw: &str,
        context: &PasswordContext<'_>,
        hasher: &Hasher,
    ) -> Result<NewPassword, PasswordRejected> {
        let text = self.check_cheap_rules(raw, context)?;
        let (user_inputs, min_score) = (context.user_inputs(), self.min_score);
        let scored = hasher.run(move |_| score(text, &user_inputs, min_score));
        Ok(scored.await??)
    }

    /// Like [`Policy::validate`], on the current thread.
    #[cfg(test)]
    fn validate_here(
        &self,
        raw: &str,
        context: &PasswordContext<'_>,
    ) -> Result<NewPassword, PolicyViolation> {
        score(self.check_cheap_rules(raw, context)?, &context.user_inputs(), self.min_score)
    }

    /// Checks all rules but the score.
    fn check_cheap_rules(
        &self,
        raw: &str,
        context: &PasswordContext<'_>,
    ) -> Result<SecretString, PolicyViolation> {
        let max = self.max_length;
        let text = normalise(raw).ok_or(PolicyViolation::TooLong { max })?;
        let characters = text.expose_secret().chars().count();
        if characters > max {
            return Err(PolicyViolation::TooLong { max });
        }
        if characters < self.min_length {
            let min = self.min_length;
            return Err(PolicyViolation::TooShort { min });
        }
        // RFC 8265 §4.2 (OpaqueString) excludes control characters, including NUL, and NIST requires printing
        // characters only. They come from a failed paste, and no keyboard types them. The other rules of OpaqueString
        // would reject characters that people type.
        if text.expose_secret().chars().any(char::is_control) {
            return Err(PolicyViolation::weak(
                "The password contains a control character, such as a tab or a line break. \
                 Use characters that can be typed.",
            ));
        }
        if context.is_username_in(text.expose_secret()) {
            return Err(PolicyViolation::weak("The password must not contain the username."));
        }
        Ok(text)
    }
}

impl Default for Policy {
    /// 8 to 256 characters and a score of 2, which is more than a million guesses.
    fn default() -> Self {
        Self { min_length: 8, max_length: MAX_CHARACTERS, min_score: 2 }
    }
}

/// Checks the score: the number of guesses that the password withstands. Takes milliseconds.
fn score(text: SecretString, user_inputs: &[String], min_score: u8) -> Result<NewPassword, PolicyViolation> {
    let user_inputs: Vec<&str> = user_inputs.iter().map(String::as_str).collect();
    let entropy = zxcvbn(scored_part(text.expose_secret()), &user_inputs);
    if entropy.score() >= score_of(min_score) {
        return Ok(NewPassword::accepted(text));
    }
    // zxcvbn gives no advice for scores from 3.
    let advice = entropy.feedback().map_or_else(
        || "Add another word or two. Uncommon words are better.".to_owned(),
        ToString::to_string,
    );
    Err(PolicyViolation::weak(format!("This password is too easy to guess. {advice}")))
}

fn score_of(number: u8) -> Score {
    match number {
        0 => Score::Zero,
        1 => Score::One,
        2 => Score::Two,
        3 => Score::Three,
        _ => Score::Four,
    }
}

fn scored_part(text: &str) -> &str {
    let mut substitutes = Vec::new();
    for (characters, (at, c)) in text.char_indices().enumerate() {
        if SUBSTITUTES.contains(c) && !substitutes.contains(&c) {
            substitutes.push(c);
        }
        let costly = substitutes.len() > MAX_SUBSTITUTES && characters >= ALWAYS_SCORED_CHARACTERS;
        if costly || characters == SCORED_CHARACTERS {
            return &text[..at];
        }
    }
    text
}

/// A violation of the policy. The messages are for the user who chose the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyViolation {
    /// The password has too few characters.
    #[error("The password must have at least {min} characters.")]
    TooShort {
        /// The minimum number of characters.
        min: usize,
    },
    /// The password has too many characters.
    #[error("The password must have at most {max} characters.")]
    TooLong {
        /// The maximum number of characters.
        max: usize,
    },
    /// The password is too easy to guess, or contains the username or a control character.
    #[error("{why}")]
    TooWeak {
        /// The problem and a remedy, in whole sentences.
        why: String,
    },
}

impl PolicyViolation {
    fn weak(why: impl Into<String>) -> Self {
        Self::TooWeak { why: why.into() }
    }
}

/// Reason why a new password was rejected.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRejected {
    /// The password violates the policy.
    #[error(transparent)]
    Policy(#[from] PolicyViolation),
    /// The password could not be scored, for example because the hasher's queue is full.
    #[error(transparent)]
    Hasher(#[from] HashError),
}

/// A policy value that is out of range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// The minimum length is 0 or more than the maximum length.
    #[error("the minimum length must be from 1 to the maximum length, {max_length}")]
    MinLength {
        /// The maximum length.
        max_length: usize,
    },
    /// The maximum length is 0 or more than [`MAX_CHARACTERS`].
    #[error("the maximum length must be from 1 to {MAX_CHARACTERS}")]
    MaxLength,
    /// The minimum score is not a zxcvbn score.
    #[error("the minimum score must be from 0 (any password) to 4 (very strong)")]
    MinScore,
}

#[cfg(test)]
mod tests;
