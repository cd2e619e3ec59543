//! Tests of the hasher from outside. Tests that need a busy worker are in `pool.rs`.

use aws_lc_rs::rand::SystemRandom;

use super::*;
use crate::passwords::ImportedHash;

const TINY: (u32, u32, u32) = (8, 1, 1);

fn cost((memory_kib, passes, lanes): (u32, u32, u32)) -> Argon2Cost {
    Argon2Cost::new(memory_kib, passes, lanes).expect("a valid cost")
}

fn hasher(cost: Argon2Cost, queue: usize) -> Hasher {
    let workers = NonZeroUsize::new(2).expect("two");
    let queue = NonZeroUsize::new(queue).expect("one or more");
    let bounds = HashBounds::new(&cost, 1024);
    Hasher::start(cost, bounds, workers, queue, Arc::new(SystemRandom::new())).expect("it starts")
}

fn tiny() -> Hasher {
    hasher(cost(TINY), 16)
}

fn accepted(text: &str) -> NewPassword {
    NewPassword::accepted(text.into())
}

const MATCH: VerificationResult = VerificationResult::Match { replacement: None };

#[tokio::test]
async fn a_password_matches_its_own_hash_and_no_other() -> Result<(), HashError> {
    let hasher = tiny();
    let phc = hasher.hash(&accepted("open sesame")).await?;
    let verify = async |raw: &str| hasher.verify(&PasswordAttempt::new(raw), Some(&phc)).await;
    assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
    assert_eq!(verify("open sesame").await?, MATCH);
    assert_eq!(verify("ｏｐｅｎ sesame").await?, MATCH);
    assert_eq!(verify("open sesame ").await?, VerificationResult::Mismatch);
    assert_eq!(verify("").await?, VerificationResult::Mismatch);
    Ok(())
}

#[tokio::test]
async fn every_hash_has_its_own_salt() -> Result<(), HashError> {
    let hasher = tiny();
    let password = accepted("open sesame");
    assert_ne!(hasher.hash(&password).await?, hasher.hash(&password).await?);
    Ok(())
}

#[tokio::test]
async fn an_unknown_user_gets_a_mismatch() -> Result<(), HashError> {
    let hasher = tiny();
    for raw in ["", "open sesame", &"x".repeat(10_000_000)] {
        let result = hasher.verify(&PasswordAttempt::new(raw), None).await?;
        assert_eq!(result, VerificationResult::Mismatch);
    }
    Ok(())
}

#[tokio::test]
async fn a_too_long_password_matches_nothing_not_even_the_hash_of_an_empty_one() -> Result<(), HashError> {
    let hasher = tiny();
    let phc = hasher.hash(&accepted("")).await?;
    let long = PasswordAttempt::new(&"x".repeat(257));
    assert_eq!(hasher.verify(&long, Some(&phc)).await?, VerificationResult::Mismatch);
    assert_eq!(hasher.verify(&PasswordAttempt::new(""), Some(&phc)).await?, MATCH);
    Ok(())
}

#[tokio::test]
async fn a_hash_of_another_cost_matches_and_is_replaced() -> Result<(), HashError> {
    let new = hasher(cost((16, 2, 1)), 16);
    for other in [TINY, (64, 1, 1), (16, 1, 1), (16, 2, 2)] {
        let old = hasher(cost(other), 16);
        let phc = old.hash(&accepted("open sesame")).await?;
        let right = PasswordAttempt::new("open sesame");
        let VerificationResult::Match { replacement: Some(replacement) } =
            new.verify(&right, Some(&phc)).await?
        else {
            panic!("{phc} must match and be replaced");
        };
        assert!(replacement.starts_with("$argon2id$v=19$m=16,t=2,p=1$"));
        assert_eq!(new.verify(&right, Some(&replacement)).await?, MATCH);
        let wrong = PasswordAttempt::new("open barley");
        assert_eq!(new.verify(&wrong, Some(&phc)).await?, VerificationResult::Mismatch);
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_hash_is_an_error_that_does_not_repeat_it() {
    let hasher = tiny();
    let attempt = PasswordAttempt::new("open sesame");
    for damaged in ["", "hunter2", "$2b$12$hunter2", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA"] {
        let error = hasher.verify(&attempt, Some(damaged)).await;
        let error = error.expect_err("it cannot be verified");
        assert!(matches!(error, HashError::Malformed(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let unknown = hasher.verify(&attempt, None).await;
    assert_eq!(unknown.ok(), Some(VerificationResult::Mismatch), "it still works");
}

#[tokio::test]
async fn each_of_many_concurrent_jobs_gets_its_own_result() -> Result<(), HashError> {
    let hasher = hasher(cost(TINY), 200);
    let mut jobs = tokio::task::JoinSet::new();
    for number in 0..100 {
        let hasher = hasher.clone();
        jobs.spawn(async move {
            let phc = hasher.hash(&accepted(&format!("secret {number}"))).await?;
            let guess = PasswordAttempt::new(&format!("secret {}", number / 2 * 2));
            let result = hasher.verify(&guess, Some(&phc)).await?;
            Ok::<_, HashError>((number % 2 == 0) == (result == MATCH))
        });
    }
    while let Some(right) = jobs.join_next().await {
        assert!(right.expect("no job panics")?);
    }
    Ok(())
}

#[tokio::test]
async fn a_full_queue_reports_when_to_retry() {
    let hasher = hasher(cost(TINY), 1);
    let (end, may_end) = std::sync::mpsc::channel::<()>();
    let may_end = Arc::new(std::sync::Mutex::new(may_end));
    let mut held = tokio::task::JoinSet::new();
    // Two workers and a queue of one job: at the latest, the fourth job is rejected.
    let full = loop {
        let (hasher, may_end) = (hasher.clone(), Arc::clone(&may_end));
        held.spawn(
            async move { hasher.run(move |_| may_end.lock().map(|end| end.recv().ok()).is_ok()).await },
        );
        tokio::task::yield_now().await;
        if let Some(refused) = held.try_join_next() {
            break refused.expect("no job panics");
        }
    };
    let Err(HashError::QueueFull { retry_after }) = full else {
        panic!("the queue must be full");
    };
    assert_eq!(retry_after, Duration::from_secs(1));
    drop(end);
    assert!(held.join_all().await.iter().all(Result::is_ok));
}

#[test]
fn the_wait_grows_with_the_queue_and_the_cost() {
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let wait = |queue, workers, cost| time_to_empty(n(queue), n(workers), &cost).as_secs();
    assert_eq!(wait(1, 2, cost(TINY)), 1);
    assert_eq!(wait(256, 2, Argon2Cost::default()), 5);
    assert_eq!(wait(usize::MAX, 1, Argon2Cost::default()), 1 << 44);
}

/// Of bcrypt 4.3 (Python), for "e\u{301}te\u{301} ½ ´" as it is written here.
const DECOMPOSED: &str = "$2b$04$gavh0.k3ypx2G9hBt.MWJuyFaqTA0ZfIndFeoWHgYh9wUeLEEhvOm";
/// Of argon2-cffi 25.1, for "½ a litre of ´milk".
const ARGON2: &str =
    "$argon2id$v=19$m=64,t=1,p=1$j1DXfLJ/HNQcNDcd0rQDvA$zD552YcG/rxgtQIwxeThRrt1z+Tg3QJEuRwaCI9bBWM";

#[tokio::test]
async fn an_imported_hash_matches_the_text_as_typed_and_is_replaced_by_one_of_its_normal_form()
-> Result<(), HashError> {
    let hasher = tiny();
    for (text, typed, otherwise_typed) in [
        (DECOMPOSED, "e\u{301}te\u{301} \u{bd} \u{b4}", "\u{e9}t\u{e9} 1\u{2044}2  \u{301}"),
        (ARGON2, "\u{bd} a litre of \u{b4}milk", "1\u{2044}2 a litre of  \u{301}milk"),
    ] {
        let imported = ImportedHash::parse(text, hasher.bounds()).expect("a hash");
        let (typed, otherwise_typed) = (PasswordAttempt::new(typed), PasswordAttempt::new(otherwise_typed));
        assert_eq!(typed.text(), otherwise_typed.text());
        let wrong = hasher.verify(&otherwise_typed, Some(imported.as_str())).await?;
        assert_eq!(wrong, VerificationResult::Mismatch);
        let VerificationResult::Match { replacement: Some(replacement) } =
            hasher.verify(&typed, Some(imported.as_str())).await?
        else {
            panic!("{text} must match and be replaced");
        };
        assert!(replacement.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        for spelling in [typed, otherwise_typed] {
            assert_eq!(hasher.verify(&spelling, Some(&replacement)).await?, MATCH);
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_imported_hash_of_an_empty_password_does_not_match_a_too_long_one() -> Result<(), HashError> {
    // Of bcrypt 4.3 (Python).
    let empty = "$2b$04$Nrc6zpCIk57mjJqlURlwS.qdAvONoyzQDFao4O9qhfJCAUnOGKtAm";
    let result = tiny().verify(&PasswordAttempt::new(&"x".repeat(257)), Some(empty)).await?;
    assert_eq!(result, VerificationResult::Mismatch);
    Ok(())
}

#[tokio::test]
async fn a_stored_hash_beyond_the_bounds_is_not_computed() {
    let hasher = tiny();
    let output = "zD552YcG/rxgtQIwxeThRrt1z+Tg3QJEuRwaCI9bBWM";
    for costly in [
        format!("argon2$argon2id$v=19$m=1025,t=1,p=1$j1DXfLJ/HNQcNDcd0rQDvA${output}"),
        format!("$scrypt$ln=11,r=8,p=1$j1DXfLJ/HNQcNDcd0rQDvA${output}"),
        format!("$pbkdf2-sha256$i=4000000000,l=32$j1DXfLJ/HNQcNDcd0rQDvA${output}"),
        "$2b$31$gavh0.k3ypx2G9hBt.MWJuyFaqTA0ZfIndFeoWHgYh9wUeLEEhvOm".to_owned(),
    ] {
        let error = hasher.verify(&PasswordAttempt::new("open sesame"), Some(&costly)).await;
        let why = error.expect_err("it is refused");
        assert!(matches!(why, HashError::Malformed(MalformedHash::Bound { .. })), "{costly}: {why:?}");
        assert!(ImportedHash::parse(&costly, hasher.bounds()).is_err(), "{costly}");
    }
}

#[tokio::test]
async fn a_hash_that_was_made_here_at_a_higher_cost_still_matches() -> Result<(), HashError> {
    let before = hasher(cost((4096, 1, 1)), 16);
    let phc = before.hash(&accepted("open sesame")).await?;
    let after = tiny();
    let right = after.verify(&PasswordAttempt::new("open sesame"), Some(&phc)).await?;
    assert!(matches!(right, VerificationResult::Match { replacement: Some(_) }));
    assert!(ImportedHash::parse(&phc, after.bounds()).is_err(), "it is not imported");
    Ok(())
}

#[test]
fn a_hash_is_not_printed() {
    let imported = ImportedHash::parse(DECOMPOSED, tiny().bounds()).expect("a hash");
    assert_eq!(format!("{imported:?}"), "ImportedHash(…)");
}
