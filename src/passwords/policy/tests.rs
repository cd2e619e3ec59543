//! Every rule from both of its sides.

use std::num::NonZeroUsize;
use std::sync::Arc;

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
    validate(raw).expect_err("it must be refused").to_string()
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
fn ten_megabytes_are_refused_unread() {
    assert_eq!(why(&"\u{fdfa}".repeat(3_500_000)), "The password must have at most 256 characters.");
}

#[test]
fn what_attackers_try_first_is_refused_with_advice() {
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
fn what_is_known_of_the_owner_counts_as_weak() {
    for weak in ["countess", "augusta1", "Analytical", "countess@analytical.example"] {
        assert!(matches!(validate(weak), Err(PolicyViolation::TooWeak { .. })), "{weak}");
    }
}

#[test]
fn the_username_may_not_be_inside_in_any_case_or_width() {
    for raw in ["xq9-ada.lovelace-7vk", "xq9-ADA.Lovelace-7vk", "xq9-ａｄａ.ｌｏｖｅｌａｃｅ-7vk"]
    {
        assert_eq!(why(raw), "The password must not contain the username.");
    }
    assert!(validate("xq9-ada.lovelac-7vk").is_ok());
}

#[test]
fn a_username_of_one_or_two_characters_may_be_inside() {
    let named = |username| PasswordContext { username, ..ADA };
    let validate = |username| Policy::default().validate_here("xq9-zed-7vk-mum", &named(username));
    assert!(validate("").is_ok());
    assert!(validate("z").is_ok());
    assert!(validate("ed").is_ok());
    assert!(validate("zed").is_err());
    assert!(validate(&"z".repeat(10_000)).is_ok());
}

#[test]
fn control_characters_are_refused() {
    for raw in ["xq9-\0-7vkwm", "xq9-7vkwm\n", "xq9\t7vkwm", "xq9-7vkwm\u{85}"] {
        assert!(why(raw).contains("control character"));
    }
}

#[test]
fn a_score_of_zero_lets_anything_of_the_right_length_pass() {
    let lenient = Policy::new(1, 10, 0).expect("it makes sense");
    assert!(lenient.validate_here("password", &ADA).is_ok());
    let strict = Policy::new(1, 256, 4).expect("it makes sense");
    let refused = strict.validate_here("kx7-vqzm", &ADA).expect_err("only three");
    assert!(refused.to_string().ends_with("Uncommon words are better."));
}

#[test]
fn scoring_stops_where_it_would_take_too_long() {
    assert_eq!(scored_part(&"é".repeat(256)), "é".repeat(64));
    assert_eq!(scored_part(SUBSTITUTES), &SUBSTITUTES[..12]);
    let six_then_words = "4@8({[ and then so many more words";
    assert_eq!(scored_part(six_then_words), six_then_words);
    let seventh_later = format!("{six_then_words}!!");
    assert_eq!(scored_part(&seventh_later), six_then_words);
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    assert_eq!(Policy::new(8, 257, 2), Err(InvalidPolicy::MaxLength));
    assert_eq!(Policy::new(0, 256, 2), Err(InvalidPolicy::MinLength { max_length: 256 }));
    assert_eq!(Policy::new(9, 8, 2), Err(InvalidPolicy::MinLength { max_length: 8 }));
    assert_eq!(Policy::new(8, 256, 5), Err(InvalidPolicy::MinScore));
    assert_eq!(Policy::new(8, 256, 2), Ok(Policy::default()));
}

#[tokio::test]
async fn the_pool_judges_alike() {
    let one = NonZeroUsize::MIN;
    let cost = Argon2Cost::new(8, 1, 1).expect("a valid cost");
    let hasher = Hasher::start(cost, one, one, Arc::new(SystemRandom::new())).expect("it starts");
    let policy = Policy::default();
    let accepted = policy.validate("correct horse battery staple", &ADA, &hasher).await;
    assert!(accepted.is_ok());
    for refused in ["short", "password", "ada.lovelace", &"x".repeat(257)] {
        let violation = match policy.validate(refused, &ADA, &hasher).await {
            Err(PasswordRejected::Policy(violation)) => violation,
            other => panic!("{refused}: {other:?}"),
        };
        assert_eq!(Some(violation), validate(refused).err());
    }
}
