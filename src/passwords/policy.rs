//! What a new password must be.

use secrecy::{ExposeSecret as _, SecretString};
use zxcvbn::{Score, zxcvbn};

use super::context::PasswordContext;
use super::hasher::{HashError, Hasher};
use super::password::{MAX_CHARACTERS, NewPassword, normalise};

/// How much of a password is scored, characters: what comes later can only make it stronger, and
/// the time grows with the square of the length.
const SCORED_CHARACTERS: usize = 64;

/// zxcvbn tries every combination of what these may stand for ("4" for "a", "$" for "s"), so its
/// time doubles with about every second of them that is present: 64 characters with all of them
/// take half a second. Past the first twelve characters, which are enough for the best score,
/// scoring stops where a seventh of them appears.
const SUBSTITUTES: &str = "4@8({[<3691!|70$5+%2";
const MAX_SUBSTITUTES: usize = 6;
const ALWAYS_SCORED_CHARACTERS: usize = 12;

/// What a new password must be. No rule asks for digits, capitals or symbols (NIST SP 800-63B
/// §5.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    min_length: usize,
    max_length: usize,
    min_score: u8,
}

impl Policy {
    /// Lengths in Unicode code points after NFKC, and the least zxcvbn score, from 0 (anything) to
    /// 4.
    ///
    /// # Errors
    /// [`InvalidPolicy`] names the value that is out of range and its range.
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

    /// Takes `raw` as the new password of `context`, scoring it on the hasher's threads: that takes
    /// up to 20 ms.
    ///
    /// # Errors
    /// [`PasswordRejected::Policy`] when it is not good enough; [`PasswordRejected::Hasher`] when it was not judged.
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

    /// The same on this very thread.
    #[cfg(test)]
    fn validate_here(
        &self,
        raw: &str,
        context: &PasswordContext<'_>,
    ) -> Result<NewPassword, PolicyViolation> {
        score(self.check_cheap_rules(raw, context)?, &context.user_inputs(), self.min_score)
    }

    /// Every rule that costs next to nothing.
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
        // RFC 8265 §4.2 (OpaqueString) leaves out control characters, NUL among them, and NIST asks
        // for printing ones only. They get into a password by a paste that went wrong, and no
        // keyboard types them again. The other rules of OpaqueString would refuse what people do
        // type.
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
    /// 8 to 256 characters, a score of 2: over a million guesses.
    fn default() -> Self {
        Self { min_length: 8, max_length: MAX_CHARACTERS, min_score: 2 }
    }
}

/// The rule that takes milliseconds: how many guesses the password would last.
fn score(text: SecretString, user_inputs: &[String], min_score: u8) -> Result<NewPassword, PolicyViolation> {
    let user_inputs: Vec<&str> = user_inputs.iter().map(String::as_str).collect();
    let entropy = zxcvbn(scored_part(text.expose_secret()), &user_inputs);
    if entropy.score() >= score_of(min_score) {
        return Ok(NewPassword::accepted(text));
    }
    // zxcvbn has no advice from score 3 on.
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

/// A rule that a new password breaks. The messages are for the person who chose it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyViolation {
    /// Too few characters.
    #[error("The password must have at least {min} characters.")]
    TooShort {
        /// The fewest that would do.
        min: usize,
    },
    /// Too many characters.
    #[error("The password must have at most {max} characters.")]
    TooLong {
        /// The most that would do.
        max: usize,
    },
    /// Too easy to guess, made of the username, or with a control character in it.
    #[error("{why}")]
    TooWeak {
        /// Whole sentences: what is wrong, and what would help.
        why: String,
    },
}

impl PolicyViolation {
    fn weak(why: impl Into<String>) -> Self {
        Self::TooWeak { why: why.into() }
    }
}

/// Why a new password was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRejected {
    /// Its own fault.
    #[error(transparent)]
    Policy(#[from] PolicyViolation),
    /// Nobody had the time to judge it.
    #[error(transparent)]
    Hasher(#[from] HashError),
}

/// A policy that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// No password could be long enough, or an empty one would do.
    #[error("the least length must be from 1 to the most, {max_length}")]
    MinLength {
        /// The most characters.
        max_length: usize,
    },
    /// None at all, or more than are ever kept.
    #[error("the most length must be from 1 to {MAX_CHARACTERS}")]
    MaxLength,
    /// Not a zxcvbn score.
    #[error("the least score must be from 0 (anything) to 4 (very strong)")]
    MinScore,
}

#[cfg(test)]
mod tests;
