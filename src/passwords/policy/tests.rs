//! Tests of each rule with a password that meets it and one that violates it.

use std::{num::NonZeroUsize, sync::Arc};

use aws_lc_rs::rand::SystemRandom;

use super::super::cost::Argon2Cost;
use super::*;

const ADA: PasswordContext<'_> = PasswordContext {
    username: "ada.lovelace",
    email: Some("countess@analytical.example"),
    display_name: Some("Augusta Ada King"),
};

fn validate(raw: &str) -> Result<NewPassword, PolicyViolation> {
    Policy::default().validate_here(raw, &ADA)
}

fn why(raw: &str) -> String {
    validate(raw).expect_err("it must be rejected").to_string()
}

#[test]
fn eight_to_256_characters_are_accepted_and_neither_seven_nor_257() {
    assert_eq!(why("kx7-vqz"), "The password must have at least 8 characters.");
    assert_eq!(why(""), "The password must have at least 8 characters.");
    assert!(validate("kx7-vqzm").is_ok());
    let long = "kx7-vqzm".repeat(32);
    assert!(validate(&long).is_ok());
    assert_eq!(why(&(long + "w")), "The password must have at most 256 characters.");
}

#[test]
fn characters_are_counted_not_bytes() {
    assert_eq!(why("🦀🐙🦑🐚🐡🐬🐳"), "The password must have at least 8 characters.");
    assert!(validate("🦀🥐🚲🌋📎🎻🧂🛶").is_ok());
    assert!(validate("пурпурная тележка").is_ok());
    let four_bytes_each = "🦀🥐🚲🌋📎🎻🧂🛶".repeat(32);
    assert!(validate(&four_bytes_each).is_ok());
    assert_eq!(why(&(four_bytes_each + "🦀")), "The password must have at most 256 characters.");
}

#[test]
fn characters_are_counted_after_normalising() {
    assert_eq!(why("e\u{301}a\u{300}o\u{302}u\u{308}"), "The password must have at least 8 characters.");
    assert!(validate("\u{fb03}x\u{fb03}q9").is_ok(), "two ligatures of three");
}

#[test]
fn ten_megabytes_are_rejected_without_normalising() {
    assert_eq!(why(&"\u{fdfa}".repeat(3_500_000)), "The password must have at most 256 characters.");
}

#[test]
fn common_passwords_are_rejected_with_advice() {
    assert_eq!(
        why("password"),
        "This password is too easy to guess. This is a top-10 common password. \
         Add another word or two. Uncommon words are better."
    );
    for weak in ["12345678", "qwertyuiop", "P@ssw0rd", "aaaaaaaaaaaa", "!@#$%^&*()", "letmein99"] {
        let why = why(weak);
        assert!(why.starts_with("This password is too easy to guess. "), "{weak}: {why}");
    }
    assert!(validate("correct horse battery staple").is_ok());
}

#[test]
fn attributes_of_the_account_are_weak_passwords() {
    for weak in ["countess", "augusta1", "Analytical", "countess@analytical.example"] {
        assert!(matches!(validate(weak), Err(PolicyViolation::TooWeak { .. })), "{weak}");
    }
}

#[test]
fn a_password_with_the_username_in_any_case_or_width_is_rejected() {
    for raw in ["xq9-ada.lovelace-7vk", "xq9-ADA.Lovelace-7vk", "xq9-ａｄａ.ｌｏｖｅｌａｃｅ-7vk"]
    {
        assert_eq!(why(raw), "The password must not contain the username.");
    }
    assert!(validate("xq9-ada.lovelac-7vk").is_ok());
}

#[test]
fn a_username_of_one_or_two_characters_may_be_part_of_a_password() {
    let named = |username| PasswordContext { username, ..ADA };
    let validate = |username| Policy::default().validate_here("xq9-zed-7vk-mum", &named(username));
    assert!(validate("").is_ok());
    assert!(validate("z").is_ok());
    assert!(validate("ed").is_ok());
    assert!(validate("zed").is_err());
    assert!(validate(&"z".repeat(10_000)).is_ok());
}

#[test]
fn control_characters_are_rejected() {
    for raw in ["xq9-\0-7vkwm", "xq9-7vkwm\n", "xq9\t7vkwm", "xq9-7vkwm\u{85}"] {
        assert!(why(raw).contains("control character"));
    }
}

#[test]
fn a_minimum_score_of_zero_permits_any_password_of_a_valid_length() {
    let lenient = Policy::new(1, 10, 0).expect("it is valid");
    assert!(lenient.validate_here("password", &ADA).is_ok());
    let strict = Policy::new(1, 256, 4).expect("it is valid");
    let rejected = strict.validate_here("kx7-vqzm", &ADA).expect_err("only three");
    assert!(rejected.to_string().ends_with("Uncommon words are better."));
}

#[test]
fn scoring_stops_before_it_would_take_too_long() {
    assert_eq!(scored_part(&"é".repeat(256)), "é".repeat(64));
    assert_eq!(scored_part(SUBSTITUTES), &SUBSTITUTES[..12]);
    let six_then_words = "4@8({[ and then so many more words";
    assert_eq!(scored_part(six_then_words), six_then_words);
    let seventh_later = format!("{six_then_words}!!");
    assert_eq!(scored_part(&seventh_later), six_then_words);
}

#[test]
fn a_policy_with_a_value_out_of_range_is_rejected() {
    assert_eq!(Policy::new(8, 257, 2), Err(InvalidPolicy::MaxLength));
    assert_eq!(Policy::new(0, 256, 2), Err(InvalidPolicy::MinLength { max_length: 256 }));
    assert_eq!(Policy::new(9, 8, 2), Err(InvalidPolicy::MinLength { max_length: 8 }));
    assert_eq!(Policy::new(8, 256, 5), Err(InvalidPolicy::MinScore));
    assert_eq!(Policy::new(8, 256, 2), Ok(Policy::default()));
}

#[tokio::test]
async fn validation_on_the_pool_gives_the_same_results() {
    let one = NonZeroUsize::MIN;
    let cost = Argon2Cost::new(8, 1, 1).expect("a valid cost");
    let bounds = super::super::HashBounds::new(&cost, 1024);
    let hasher = Hasher::start(cost, bounds, one, one, Arc::new(SystemRandom::new())).expect("it starts");
    let policy = Policy::default();
    let accepted = policy.validate("correct horse battery staple", &ADA, &hasher).await;
    assert!(accepted.is_ok());
    for rejected in ["short", "password", "ada.lovelace", &"x".repeat(257)] {
        let violation = match policy.validate(rejected, &ADA, &hasher).await {
            Err(PasswordRejected::Policy(violation)) => violation,
            other => panic!("{rejected}: {other:?}"),
        };
        assert_eq!(Some(violation), validate(rejected).err());
    }
}
