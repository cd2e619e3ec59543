//! Sign-ins with two steps.

use super::*;

#[tokio::test]
async fn a_password_and_a_code_sign_in() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let input = json!({ "username": "ada", "password": PASSWORD });
    let first = client.mutate("login", input, STEPS).await;
    assert_eq!(first.at("/it/challenge/methods"), &json!(["TOTP", "RECOVERY_CODE"]));
    let challenge = first.at("/it/challenge/token").as_str().expect("a challenge").to_owned();

    let totp = json!({ "totp": code(&ada.app, &app) });
    let second = second_step(&mut client, &challenge, totp).await;
    second.assert_done();
    assert_eq!(second.at("/it/challenge"), &Value::Null);
    client.me().await.assert_done();
    let claims = claims(&client);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));
    let session = client.ask("{ session { acr methods } }").await;
    assert_eq!(session.at("/session"), &json!({ "acr": "aal2", "methods": ["PASSWORD", "TOTP"] }));
    client.refresh().await.assert_done();
    assert_eq!(self::claims(&client)["acr"], "aal2", "a refresh keeps it");
    assert_ne!(factors(&client).await["totp"]["lastUsedAt"], Value::Null);
}

#[tokio::test]
async fn the_tokens_of_the_second_step_come_in_a_cookie_if_the_client_wants_that() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let factor = json!({ "totp": code(&ada.app, &app) });
    let input = json!({ "challenge": challenge, "factor": factor, "delivery": "COOKIE" });
    let answer = client.mutate("verifySecondFactor", input, STEPS).await;
    answer.assert_done();
    assert_eq!(answer.at("/it/refreshToken"), &Value::Null);
    assert!(answer.cookie().is_some());
}

#[tokio::test]
async fn an_unfinished_sign_in_leaves_no_trace_of_a_sign_in() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let state = "{ me { lastLoginAt sessions { totalCount } } }";
    let before = ada.client.ask(state).await.assert_done().at("/me").clone();
    app.wait(Duration::from_secs(5));
    first_step(&app.anonymous(), "ada").await;
    assert_eq!(ada.client.ask(state).await.assert_done().at("/me"), &before);
}

#[tokio::test]
async fn a_code_with_separators_is_the_same_code() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let code = code(&ada.app, &app);
    let typed = format!(" {} {} ", &code[..3], &code[3..]);
    second_step(&mut client, &challenge, json!({ "totp": typed })).await.assert_done();
}

#[tokio::test]
async fn events_tell_how_a_factor_was_used() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let wrong = json!({ "totp": wrong_code(&ada.app, &app) });
    second_step(&mut client, &challenge, wrong).await.assert_refused("INVALID_CODE");
    let recovery = json!({ "recoveryCode": ada.recovery_codes[0] });
    second_step(&mut client, &challenge, recovery).await.assert_done();
    client.ask("mutation { it: createRecoveryCodes { errors { code } } }").await.assert_done();
    client.ask("mutation { it: removeTotp { errors { code } } }").await.assert_done();
    let query = "{ auditEvents(first: 8) { nodes { action user { username } } } }";
    let events = app.admin().await.ask(query).await;
    let events = events.assert_done().at("/auditEvents/nodes").as_array().expect("events").clone();
    let of_ada = events.iter().filter(|event| event["user"]["username"] == "ada");
    let actions: Vec<_> = of_ada.map(|event| event["action"].as_str().expect("an action")).collect();
    let expected = [
        "SECOND_FACTOR_REMOVED",
        "RECOVERY_CODES_CREATED",
        "LOGIN_SUCCEEDED",
        "RECOVERY_CODE_USED",
        "SECOND_FACTOR_FAILED",
        "SECOND_FACTOR_ADDED",
    ];
    assert_eq!(actions, expected);
}
