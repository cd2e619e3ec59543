use serde_json::json;

use super::{ADDRESS, VERIFIED, assert_failed, by_code, request, with_address};
use crate::support::{Answer, Client, TestApp};

async fn try_code(client: &Client, challenge: &str, code: &str) -> Answer {
    client.mutate("verifyEmail", json!({ "proof": by_code(challenge, code) }), VERIFIED).await
}

/// Another code of eight digits.
fn wrong(code: &str) -> String {
    format!("{:08}", (code.parse::<u32>().expect("digits") + 1) % 100_000_000)
}

#[tokio::test]
async fn a_code_counts_with_the_challenge_of_the_client_that_requested_it() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let (phone, laptop) = (app.anonymous(), app.anonymous());
    let first = request(&phone, "requestEmailVerification", ADDRESS).await;
    let old_code = app.newest_message(ADDRESS).await.code;
    let challenge = request(&laptop, "requestEmailVerification", ADDRESS).await;
    let code = app.newest_message(ADDRESS).await.code;
    assert_failed(&try_code(&phone, &first, &old_code).await, "INVALID_CHALLENGE");
    assert_failed(&try_code(&phone, &first, &code).await, "INVALID_CHALLENGE");
    for malformed in ["", "1234", "123456789", "abcdefgh", &"1".repeat(10_000)] {
        assert_failed(&try_code(&laptop, &challenge, malformed).await, "INVALID_CODE");
    }
    let spaced = format!(" {} {} ", &code[..4], &code[4..]);
    try_code(&laptop, &challenge, &spaced).await.assert_done();
    assert_failed(&try_code(&laptop, &challenge, &code).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn after_five_wrong_codes_the_correct_one_is_refused_as_well() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let client = app.anonymous();
    let challenge = request(&client, "requestEmailVerification", ADDRESS).await;
    let message = app.newest_message(ADDRESS).await;
    for _ in 0..5 {
        assert_failed(&try_code(&client, &challenge, &wrong(&message.code)).await, "INVALID_CODE");
    }
    assert_failed(&try_code(&client, &challenge, &message.code).await, "INVALID_CHALLENGE");
    // Guesses cannot void the link.
    super::verify(&app, &message.token).await.assert_done();
}

#[tokio::test]
async fn parallel_guesses_are_no_more_than_five() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let client = app.anonymous();
    let challenge = request(&client, "requestEmailVerification", ADDRESS).await;
    let code = wrong(&app.newest_message(ADDRESS).await.code);
    let guess = |_| {
        let (client, challenge, code) = (client.clone(), challenge.clone(), code.clone());
        async move { try_code(&client, &challenge, &code).await }
    };
    let answers = crate::support::spawn_all((0..20).map(guess)).await;
    let compared = answers.iter().filter(|answer| answer.at("/it/errors/0/code") == "INVALID_CODE");
    assert_eq!(compared.count(), 5);
}

#[tokio::test]
async fn new_messages_give_an_attacker_no_more_than_ten_guesses_in_an_hour() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.messages.free_attempts = 100;
    })
    .await;
    with_address(&app, "ada", ADDRESS).await;
    let (mut compared, mut refused) = (0, 0);
    for network in 0..6 {
        let client = app.anonymous().behind(&format!("192.0.{network}.1"));
        let challenge = request(&client, "requestEmailVerification", ADDRESS).await;
        let code = wrong(&app.newest_message(ADDRESS).await.code);
        for _ in 0..5 {
            match try_code(&client, &challenge, &code).await.at("/it/errors/0/code").as_str() {
                Some("INVALID_CODE") => compared += 1,
                Some("RATE_LIMITED") => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((compared, refused), (10, 20));
    // The owner still has the link.
    super::verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
}

#[tokio::test]
async fn a_challenge_for_an_unknown_address_is_refused_like_a_wrong_code() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let challenge = request(&client, "requestPasswordReset", "nobody@example.com").await;
    let input =
        json!({ "proof": by_code(&challenge, "12345678"), "newPassword": "quiet violet lantern orbit" });
    let mut codes = Vec::new();
    for _ in 0..6 {
        let answer = client.mutate("resetPassword", input.clone(), "errors { code }").await;
        codes.push(answer.at("/it/errors/0/code").as_str().expect("a code").to_owned());
    }
    assert_eq!(codes[..5], ["INVALID_CODE"; 5]);
    assert_eq!(codes[5], "INVALID_CHALLENGE");
}
