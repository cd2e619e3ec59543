//! Attempts to sign in without the second factor, or to use one twice.

use super::*;
use crate::support::{OTHER_PASSWORD, spawn_all};

#[tokio::test]
async fn the_challenge_of_an_account_does_not_open_another_one() {
    let app = TestApp::start().await;
    let (ada, grace) = (Enrolled::new(&app, "ada").await, Enrolled::new(&app, "grace").await);
    let mut client = app.anonymous();
    let challenge = first_step(&client, "grace").await;
    let of_ada = json!({ "totp": code(&ada.app, &app) });
    second_step(&mut client, &challenge, of_ada).await.assert_refused("INVALID_CODE");
    let of_ada = json!({ "recoveryCode": ada.recovery_codes[0] });
    second_step(&mut client, &challenge, of_ada).await.assert_refused("INVALID_CODE");
    let done = second_step(&mut client, &challenge, json!({ "totp": code(&grace.app, &app) })).await;
    assert_eq!(done.assert_done().at("/it/user/username"), "grace");
}

#[tokio::test]
async fn a_challenge_is_used_once_and_expires() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let used = first_step(&client, "ada").await;
    second_step(&mut client, &used, json!({ "totp": code(&ada.app, &app) })).await.assert_done();
    app.wait(TWO_STEPS);
    let again = second_step(&mut client, &used, json!({ "totp": code(&ada.app, &app) })).await;
    again.assert_refused("INVALID_CHALLENGE");

    let expired = first_step(&client, "ada").await;
    app.wait(Duration::from_mins(5));
    let late = second_step(&mut client, &expired, json!({ "totp": code(&ada.app, &app) })).await;
    late.assert_refused("INVALID_CHALLENGE");
    for nonsense in ["", "x", &"a".repeat(43), &"a".repeat(10_000)] {
        let answer = second_step(&mut client, nonsense, json!({ "totp": code(&ada.app, &app) })).await;
        answer.assert_refused("INVALID_CHALLENGE");
    }
}

#[tokio::test]
async fn a_challenge_belongs_to_the_device_and_the_network_that_began() {
    let app =
        TestApp::with(|config| config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a net")])
            .await;
    let ada = Enrolled::new(&app, "ada").await;
    let phone = |address: &str| app.anonymous().header("user-agent", "Notes/1.0").behind(address);
    let challenge = first_step(&phone("198.51.100.7"), "ada").await;
    let factor = || json!({ "totp": code(&ada.app, &app) });
    for mut other in [
        phone("203.0.113.7"),
        app.anonymous().header("user-agent", "curl/8.0").behind("198.51.100.7"),
        app.anonymous().behind("198.51.100.7"),
    ] {
        second_step(&mut other, &challenge, factor()).await.assert_refused("INVALID_CHALLENGE");
    }
    second_step(&mut phone("198.51.100.200"), &challenge, factor()).await.assert_done();
}

#[tokio::test]
async fn a_challenge_permits_five_attempts() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    for _ in 0..5 {
        let wrong = json!({ "totp": wrong_code(&ada.app, &app) });
        second_step(&mut client, &challenge, wrong).await.assert_refused("INVALID_CODE");
    }
    let correct = json!({ "totp": code(&ada.app, &app) });
    second_step(&mut client, &challenge, correct.clone()).await.assert_refused("INVALID_CHALLENGE");
    let next = first_step(&client, "ada").await;
    second_step(&mut client, &next, correct).await.assert_done();
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let (first, second) = (first_step(&client, "ada").await, first_step(&client, "ada").await);
    let factor = json!({ "totp": code(&ada.app, &app) });
    second_step(&mut client, &first, factor.clone()).await.assert_done();
    second_step(&mut client, &second, factor).await.assert_refused("INVALID_CODE");
    app.wait(TWO_STEPS);
    second_step(&mut client, &second, json!({ "totp": code(&ada.app, &app) })).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_once_also_on_two_servers_at_the_same_time() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = Enrolled::new(&app, "ada").await;
    for factor in [json!({ "totp": code(&ada.app, &app) }), json!({ "recoveryCode": ada.recovery_codes[0] })]
    {
        let mut clients = Vec::new();
        for server in [&app, &other, &app, &other] {
            let client = server.anonymous();
            let challenge = first_step(&client, "ada").await;
            clients.push((client, challenge));
        }
        let attempts = clients.into_iter().map(|(mut client, challenge)| {
            let factor = factor.clone();
            async move { second_step(&mut client, &challenge, factor).await.at("/it/accessToken").is_string() }
        });
        let opened = spawn_all(attempts).await.into_iter().filter(|is_open| *is_open).count();
        assert_eq!(opened, 1, "{factor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_used_once_also_by_two_completions_at_the_same_time() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = Enrolled::new(&app, "ada").await;
    let challenge = first_step(&app.anonymous(), "ada").await;
    let attempts = [&app, &other].into_iter().zip(&ada.recovery_codes).map(|(server, code)| {
        let (mut client, challenge, factor) =
            (server.anonymous(), challenge.clone(), json!({ "recoveryCode": code }));
        async move { second_step(&mut client, &challenge, factor).await.at("/it/accessToken").is_string() }
    });
    let opened = spawn_all(attempts).await.into_iter().filter(|is_open| *is_open).count();
    assert_eq!(opened, 1);
    assert_eq!(factors(&ada.client).await["recoveryCodes"]["remaining"], 9, "the loser used no code");
}

#[tokio::test]
async fn no_way_to_sign_in_leaves_the_factor_out() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    let ada = Enrolled::new(&app, "ada").await;
    let change = json!({ "email": "ada@example.com" });
    ada.client.mutate("updateProfile", change, "errors { code }").await.assert_done();
    app.verify_email("ada").await;
    let client = app.anonymous();
    for (request, submit, extra) in [
        ("requestLoginEmail", "loginWithEmail", json!({})),
        ("requestPasswordReset", "resetPassword", json!({ "newPassword": OTHER_PASSWORD })),
    ] {
        let input = json!({ "email": "ada@example.com" });
        client.mutate(request, input, "errors { code }").await.assert_done();
        let message = app.newest_message("ada@example.com").await;
        let mut input = extra;
        input["proof"] = json!({ "token": message.token });
        let answer = client.mutate(submit, input, STEPS).await;
        answer.assert_refused("SECOND_FACTOR_REQUIRED");
        assert_eq!(answer.at("/it/accessToken"), &Value::Null, "{submit}");
        let challenge = answer.at("/it/challenge/token").as_str().expect("a challenge").to_owned();
        let mut owner = client.clone();
        let factor = json!({ "totp": code(&ada.app, &app) });
        second_step(&mut owner, &challenge, factor).await.assert_done();
        assert_eq!(claims(&owner)["amr"], json!(["otp", "mfa"]), "{submit}");
        app.wait(TWO_STEPS);
    }
    // The password was reset although the factor was missing at that moment.
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn nobody_learns_of_a_factor_before_the_password_is_correct() {
    let app = TestApp::start().await;
    Enrolled::new(&app, "ada").await;
    app.signed_in("grace").await;
    let client = app.anonymous();
    let mut answers = Vec::new();
    for name in ["ada", "grace", "nobody"] {
        let input = json!({ "username": name, "password": "a wrong password" });
        answers.push(client.mutate("login", input, STEPS).await.at("/it").clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0]["errors"][0]["code"], "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_change_of_the_account_voids_its_challenges() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let root = app.admin().await;
    let mut client = app.anonymous();
    let user = &ada.client.user_id;
    for change in [json!({ "id": user, "password": OTHER_PASSWORD }), json!({ "id": user, "disabled": true })]
    {
        let input = json!({ "id": user, "password": PASSWORD });
        root.mutate("updateUser", input, "errors { code }").await.assert_done();
        let challenge = first_step(&client, "ada").await;
        root.mutate("updateUser", change, "errors { code }").await.assert_done();
        let factor = json!({ "totp": code(&ada.app, &app) });
        second_step(&mut client, &challenge, factor).await.assert_refused("INVALID_CHALLENGE");
    }
}

#[tokio::test]
async fn guesses_count_for_the_account_across_servers_challenges_and_factors() {
    let app = TestApp::with(|config| config.limits = portcullis::config::LimitsConfig::default()).await;
    let other = app.replica().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    let wrong = wrong_code(&ada.app, &app);
    let mut codes = Vec::new();
    for round in 0..4 {
        let mut client = if round % 2 == 0 { app.anonymous() } else { other.anonymous() };
        let challenge = first_step(&client, "ada").await;
        let guess = if round < 2 {
            json!({ "totp": wrong })
        } else {
            json!({ "recoveryCode": "0000-0000-0000-0000" })
        };
        for _ in 0..3 {
            let answer = second_step(&mut client, &challenge, guess.clone()).await;
            codes.push(answer.at("/it/errors/0/code").as_str().expect("a code").to_owned());
        }
    }
    let refused = codes.iter().filter(|code| *code == "RATE_LIMITED").count();
    assert!((1..=3).contains(&refused), "{codes:?}");
    // A guess by step-up authentication or enrolment counts as well.
    let factor = json!({ "totp": code(&ada.app, &app) });
    reauthenticate(&mut ada.client, factor).await.assert_refused("RATE_LIMITED");
    start(&ada.client).await;
    confirm(&ada.client, &wrong).await.assert_refused("RATE_LIMITED");
}
