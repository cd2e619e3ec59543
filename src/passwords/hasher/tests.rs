//! Tests of the hasher from outside. Tests that need a busy worker are in `pool.rs`.

use aws_lc_rs::rand::SystemRandom;

use super::*;

const TINY: (u32, u32, u32) = (8, 1, 1);

fn cost((memory_kib, passes, lanes): (u32, u32, u32)) -> Argon2Cost {
    Argon2Cost::new(memory_kib, passes, lanes).expect("a valid cost")
}

fn hasher(cost: Argon2Cost, queue: usize) -> Hasher {
    let workers = NonZeroUsize::new(2).expect("two");
    let queue = NonZeroUsize::new(queue).expect("one or more");
    Hasher::start(cost, workers, queue, Arc::new(SystemRandom::new())).expect("it starts")
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
    for damaged in ["", "hunter2", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA"] {
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
