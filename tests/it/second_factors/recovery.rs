//! Recovery codes, and users who have lost everything.

use super::*;
use crate::support::Process;

#[tokio::test]
async fn a_recovery_code_replaces_the_app_once() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let code = &ada.recovery_codes[3];
    let challenge = first_step(&client, "ada").await;
    let typed = code.to_lowercase().replace('-', " ");
    second_step(&mut client, &challenge, json!({ "recoveryCode": typed })).await.assert_done();
    assert_eq!(claims(&client)["acr"], "aal2");
    assert_eq!(factors(&client).await["recoveryCodes"], json!({ "total": 10, "remaining": 9 }));

    let challenge = first_step(&client, "ada").await;
    let again = second_step(&mut client, &challenge, json!({ "recoveryCode": code })).await;
    again.assert_refused("INVALID_CODE");
    assert_eq!(again.at("/it/errors/0/field"), &json!(["input", "factor"]));
}

#[tokio::test]
async fn a_recovery_code_voids_the_codes_that_the_lost_app_shows() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let recovery = json!({ "recoveryCode": ada.recovery_codes[0] });
    second_step(&mut client, &challenge, recovery).await.assert_done();

    let mut thief = app.anonymous();
    let challenge = first_step(&thief, "ada").await;
    let shown = json!({ "totp": code(&ada.app, &app) });
    second_step(&mut thief, &challenge, shown).await.assert_refused("INVALID_CODE");
}

#[tokio::test]
async fn new_recovery_codes_void_the_old_ones() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let create = "mutation { it: createRecoveryCodes { codes recoveryCodes { remaining } errors { code } } }";
    let created = ada.client.ask(create).await;
    let codes = created.assert_done().at("/it/codes").as_array().expect("codes");
    assert_eq!((codes.len(), created.at("/it/recoveryCodes/remaining")), (10, &json!(10)));
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let old = json!({ "recoveryCode": ada.recovery_codes[0] });
    second_step(&mut client, &challenge, old).await.assert_refused("INVALID_CODE");
    second_step(&mut client, &challenge, json!({ "recoveryCode": codes[0] })).await.assert_done();
    app.signed_in("grace").await.ask(create).await.assert_refused("NOT_FOUND");
}

#[tokio::test]
async fn an_administrator_removes_the_factors_of_a_user_who_has_lost_them() {
    let app = TestApp::start().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    let root = app.admin().await;
    let input = json!({ "userId": ada.client.user_id });
    let selection = "user { secondFactorRequired } errors { code }";
    let refused = ada.client.mutate("resetSecondFactors", input.clone(), selection).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    let done = root.mutate("resetSecondFactors", input, selection).await;
    assert_eq!(done.assert_done().at("/it/user/secondFactorRequired"), &json!(false));
    ada.client.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    ada.client.log_in("ada", PASSWORD).await.assert_done();

    let own = json!({ "userId": root.user_id });
    root.mutate("resetSecondFactors", own, selection).await.assert_refused("CURRENT_PASSWORD_REQUIRED");
    let nobody = json!({ "userId": "VXNlcjpub2JvZHk" });
    assert_eq!(root.mutate("resetSecondFactors", nobody, selection).await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_user_administrator_cannot_remove_the_factors_of_an_administrator() {
    let app = TestApp::with(|config| {
        let role = portcullis::config::RoleConfig::new(["users:read", "users:write"]);
        config.roles.insert("support".to_owned(), role);
    })
    .await;
    let mut root = app.admin().await;
    let totp = start(&root).await;
    confirm(&root, &code(&totp, &app)).await.assert_done();
    let support = app.with_roles("support", &["support"]).await;
    let input = json!({ "userId": root.user_id });
    let answer = support.mutate("resetSecondFactors", input, "errors { code }").await;
    assert_eq!(answer.code(), "FORBIDDEN");
    root.refresh().await.assert_done();
    assert_eq!(factors(&root).await["secondFactorRequired"], true);
}

#[tokio::test]
async fn each_change_of_a_factor_is_announced_to_the_verified_address() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let change = json!({ "email": "ada@example.com" });
    ada.mutate("updateProfile", change, "errors { code }").await.assert_done();
    app.verify_email("ada").await;
    let announced = async |subject: &str| {
        let message = app.newest_message("ada@example.com").await;
        assert!(message.text.contains(&format!("Subject: {subject}")), "{}", message.text);
    };
    let totp = start(&ada).await;
    let confirmed = confirm(&ada, &code(&totp, &app)).await;
    let recovery = json!({ "recoveryCode": confirmed.assert_done().at("/it/codes/0") });
    announced("A second factor was added to your account").await;
    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    second_step(&mut client, &challenge, recovery).await.assert_done();
    announced("A recovery code of your account was used").await;
    client.ask("mutation { it: removeTotp { errors { code } } }").await.assert_done();
    announced("A second factor was removed from your account").await;
}

#[tokio::test]
async fn the_command_line_removes_the_factors_of_the_only_administrator() {
    let process = Process::start(&[]).await;
    let mut grace = process.anonymous();
    process.make_admin("grace");
    grace.log_in("grace", PASSWORD).await.assert_done();
    let app = start(&grace).await;
    let code = app.generate_current().to_string();
    confirm(&grace, &code).await.assert_done();
    first_step(&process.anonymous(), "grace").await;
    process.run(&["users", "reset-second-factors", "grace"]);
    process.anonymous().log_in("grace", PASSWORD).await.assert_done();
}
