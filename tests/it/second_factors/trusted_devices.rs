//! Devices on which a user signs in without the second factor for some time, and ways to misuse them.

use super::*;
use crate::support::OTHER_PASSWORD;

const DAY: Duration = Duration::from_hours(24);

/// The fields of a sign-in that may trust the device.
const TRUSTING: &str = "accessToken refreshToken deviceToken challenge { token } user { id username } session { id } \
                        errors { code message field }";

const DEVICES: &str = "{ me { trustedDevices { id userAgent ipAddress createdAt lastUsedAt expiresAt } } }";

async fn server() -> TestApp {
    TestApp::with(|config| {
        config.factors.trusted_devices = 30 * DAY;
        config.accounts.email_sign_in = true;
    })
    .await
}

/// Signs in with both factors, trusts the device, and returns the client and its token.
async fn trust(app: &TestApp, user: &Enrolled, username: &str) -> (Client, String) {
    let mut client = app.anonymous();
    let challenge = first_step(&client, username).await;
    let factor = json!({ "totp": code(&user.app, app) });
    let input = json!({ "challenge": challenge, "factor": factor, "trustDevice": true });
    let answer = client.mutate("verifySecondFactor", input, TRUSTING).await;
    let token = answer.assert_done().at("/it/deviceToken").as_str().expect("a token").to_owned();
    client.keep(answer);
    app.wait(TWO_STEPS);
    (client, token)
}

/// Signs in with a password and the token of a device.
async fn log_in_on(client: &mut Client, username: &str, device: &str) -> Answer {
    let input = json!({ "username": username, "password": PASSWORD, "deviceToken": device });
    let answer = client.mutate("login", input, TRUSTING).await;
    client.keep(answer)
}

async fn devices(client: &Client) -> Vec<Value> {
    let answer = client.ask(DEVICES).await;
    answer.assert_done().at("/me/trustedDevices").as_array().expect("a list").clone()
}

/// Says that the device is no longer trusted.
#[track_caller]
fn assert_untrusted(answer: &Answer) {
    answer.assert_refused("SECOND_FACTOR_REQUIRED");
    assert_eq!(answer.at("/it/accessToken"), &Value::Null);
}

#[tokio::test]
async fn on_a_trusted_device_the_password_signs_in() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (_, token) = trust(&app, &ada, "ada").await;
    let mut client = app.anonymous().header("user-agent", "Notes/2.0");
    let answer = log_in_on(&mut client, "ada", &token).await;
    assert_eq!(answer.assert_done().at("/it/deviceToken"), &Value::Null, "the token stays the same");
    assert_eq!((&claims(&client)["acr"], &claims(&client)["amr"]), (&json!("aal1"), &json!(["pwd"])));
    client.refresh().await.assert_done();
    let listed = devices(&client).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["userAgent"], "Notes/2.0");
    assert_ne!(listed[0]["lastUsedAt"], Value::Null);
    assert!(!Value::from(listed).to_string().contains(&token));
    app.wait(29 * DAY);
    log_in_on(&mut client, "ada", &token).await.assert_done();
}

#[tokio::test]
async fn on_a_trusted_device_a_link_by_email_signs_in_and_a_reset_does_not() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let change = json!({ "email": "ada@example.com" });
    ada.client.mutate("updateProfile", change, "errors { code }").await.assert_done();
    app.verify_email("ada").await;
    let (_, token) = trust(&app, &ada, "ada").await;
    let client = app.anonymous();
    let request = json!({ "email": "ada@example.com" });
    client.mutate("requestLoginEmail", request.clone(), "errors { code }").await.assert_done();
    let proof = json!({ "token": app.newest_message("ada@example.com").await.token });
    let input = json!({ "proof": proof, "deviceToken": token });
    client.mutate("loginWithEmail", input, TRUSTING).await.assert_done();

    // A reset accepts no device by its input, ignores the cookie, and voids all devices.
    client.mutate("requestPasswordReset", request, "errors { code }").await.assert_done();
    let proof = json!({ "token": app.newest_message("ada@example.com").await.token });
    let browser = app.anonymous().header("cookie", &format!("__Host-portcullis_device={token}"));
    let input = json!({ "proof": proof, "newPassword": PASSWORD });
    assert_untrusted(&browser.mutate("resetPassword", input, TRUSTING).await);
    assert_untrusted(&log_in_on(&mut app.anonymous(), "ada", &token).await);
}

#[tokio::test]
async fn a_device_keeps_its_token_in_a_cookie_if_the_client_wants_that() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let factor = json!({ "totp": code(&ada.app, &app) });
    let input =
        json!({ "challenge": challenge, "factor": factor, "trustDevice": true, "delivery": "COOKIE" });
    let answer = client.mutate("verifySecondFactor", input, TRUSTING).await;
    assert_eq!(answer.assert_done().at("/it/deviceToken"), &Value::Null);
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let device = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-portcullis_device="));
    let device = device.expect("a cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=2592000"] {
        assert!(device.split("; ").any(|part| part == attribute), "{attribute}: {device}");
    }
    let cookie = device.split(';').next().expect("a cookie").to_owned();
    let input = json!({ "username": "ada", "password": PASSWORD });
    let browser = app.anonymous().header("cookie", &cookie);
    browser.mutate("login", input.clone(), TRUSTING).await.assert_done();
    // A page of another origin does not use it.
    let foreign = app.anonymous().header("cookie", &cookie).header("origin", "https://evil.example");
    assert_untrusted(&foreign.mutate("login", input, TRUSTING).await);
}

#[tokio::test]
async fn a_token_is_worth_nothing_without_the_password_and_for_another_account() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    Enrolled::new(&app, "grace").await;
    let (_, token) = trust(&app, &ada, "ada").await;
    let thief = app.anonymous();
    let input = json!({ "username": "ada", "password": "a wrong password", "deviceToken": token });
    thief.mutate("login", input, TRUSTING).await.assert_refused("INVALID_CREDENTIALS");
    assert_untrusted(&log_in_on(&mut thief.clone(), "grace", &token).await);
    for nonsense in ["", "x", &"a".repeat(43), &"a".repeat(10_000)] {
        assert_untrusted(&log_in_on(&mut thief.clone(), "ada", nonsense).await);
    }
    log_in_on(&mut app.anonymous(), "ada", &token).await.assert_done();
}

#[tokio::test]
async fn a_device_is_trusted_until_its_time_is_over() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (_, token) = trust(&app, &ada, "ada").await;
    // The operator shortens the time, or switches it off.
    for (time, is_trusted) in [(DAY, true), (Duration::from_secs(30), false), (Duration::ZERO, false)] {
        let other = app.replica_with(|config| config.factors.trusted_devices = time).await;
        let answer = log_in_on(&mut other.anonymous(), "ada", &token).await;
        assert_eq!(answer.at("/it/accessToken").is_string(), is_trusted, "{time:?}");
    }
    app.wait(30 * DAY);
    assert_untrusted(&log_in_on(&mut app.anonymous(), "ada", &token).await);
    assert_eq!(app.app.trusted_devices.sweep(500).await.expect("the database answers"), 1);
}

#[tokio::test]
async fn a_user_lists_and_revokes_devices_and_nobody_else_does() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (client, token) = trust(&app, &ada, "ada").await;
    let id = devices(&client).await[0]["id"].clone();
    let root = app.admin().await;
    let input = json!({ "id": id });
    root.mutate("revokeTrustedDevice", input.clone(), "errors { code }").await.assert_refused("NOT_FOUND");
    let query =
        format!("{{ node(id: \"{}\") {{ ... on User {{ trustedDevices {{ id }} }} }} }}", ada.client.user_id);
    assert_eq!(root.ask(&query).await.assert_done().at("/node/trustedDevices"), &Value::Null);

    let revoked = client.mutate("revokeTrustedDevice", input.clone(), "deletedId errors { code }").await;
    assert_eq!(revoked.assert_done().at("/it/deletedId"), &id);
    client.mutate("revokeTrustedDevice", input, "errors { code }").await.assert_refused("NOT_FOUND");
    assert!(devices(&client).await.is_empty());
    assert_untrusted(&log_in_on(&mut app.anonymous(), "ada", &token).await);
    let query = "{ auditEvents(first: 20) { nodes { action user { username } } } }";
    let events = root.ask(query).await;
    let events = events.assert_done().at("/auditEvents/nodes").to_string();
    for action in ["DEVICE_TRUSTED", "DEVICE_REVOKED"] {
        assert!(events.contains(action), "{action}: {events}");
    }
}

#[tokio::test]
async fn each_change_of_the_password_or_the_factors_voids_all_devices() {
    let app = server().await;
    let root = app.admin().await;
    let changes = ["password", "roles", "new app", "recovery codes", "sessions", "user sessions", "reset"];
    for (number, change) in changes.into_iter().enumerate() {
        let username = format!("ada{number}");
        let user = Enrolled::new(&app, &username).await;
        let (mut client, token) = trust(&app, &user, &username).await;
        log_in_on(&mut app.anonymous(), &username, &token).await.assert_done();
        let id = client.user_id.clone();
        let done = match change {
            "password" => {
                let input = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
                client.mutate("changePassword", input, AUTH).await.assert_done();
                let back = json!({ "id": id, "password": PASSWORD });
                root.mutate("updateUser", back, "errors { code }").await
            }
            "roles" => root.mutate("updateUser", json!({ "id": id, "roles": [] }), "errors { code }").await,
            "new app" => {
                let next = start(&client).await;
                confirm(&client, &code(&next, &app)).await
            }
            "recovery codes" => {
                let mut other = app.anonymous();
                let challenge = first_step(&other, &username).await;
                second_step(&mut other, &challenge, json!({ "recoveryCode": user.recovery_codes[0] })).await
            }
            "sessions" => client.ask("mutation { it: revokeOtherSessions { errors { code } } }").await,
            "user sessions" => {
                root.mutate("revokeUserSessions", json!({ "userId": id }), "errors { code }").await
            }
            _ => {
                root.mutate("resetSecondFactors", json!({ "userId": id }), "errors { code }")
                    .await
                    .assert_done();
                client.log_in(&username, PASSWORD).await.assert_done();
                let next = start(&client).await;
                confirm(&client, &code(&next, &app)).await
            }
        };
        done.assert_done();
        let answer = log_in_on(&mut app.anonymous(), &username, &token).await;
        assert_eq!(answer.codes(), ["SECOND_FACTOR_REQUIRED"], "{change}: {}", answer.body);
    }
}

#[tokio::test]
async fn removing_the_factor_voids_all_devices() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (client, token) = trust(&app, &ada, "ada").await;
    client.ask("mutation { it: removeTotp { errors { code } } }").await.assert_done();
    let next = start(&client).await;
    confirm(&client, &code(&next, &app)).await.assert_done();
    assert_untrusted(&log_in_on(&mut app.anonymous(), "ada", &token).await);
}

#[tokio::test]
async fn a_session_on_a_trusted_device_still_has_to_prove_the_factor() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (trusting, token) = trust(&app, &ada, "ada").await;
    let proven_at = claims(&trusting)["auth_time"].clone();
    app.wait(Duration::from_secs(301));
    let mut thief = app.anonymous();
    log_in_on(&mut thief, "ada", &token).await.assert_done();
    // The login is as old as the last proof of the second factor.
    assert_eq!(claims(&thief)["auth_time"], proven_at);
    for mutation in ["startTotp", "removeTotp", "createRecoveryCodes"] {
        let answer = thief.ask(&format!("mutation {{ it: {mutation} {{ errors {{ code }} }} }}")).await;
        assert_eq!(answer.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION", "{mutation}");
    }
    reauthenticate(&mut thief, json!({ "password": PASSWORD }))
        .await
        .assert_refused("SECOND_FACTOR_REQUIRED");
    let factor = json!({ "totp": code(&ada.app, &app) });
    reauthenticate(&mut thief, factor).await.assert_done();
    assert_eq!(claims(&thief)["acr"], "aal2");
    thief.ask("mutation { it: removeTotp { errors { code } } }").await.assert_done();
}

#[tokio::test]
async fn only_the_second_step_trusts_a_device_and_only_if_the_user_and_the_server_want_that() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let attempt = async |server: &TestApp, factor: Value, trusts: bool| {
        let client = server.anonymous();
        let challenge = first_step(&client, "ada").await;
        let input = json!({ "challenge": challenge, "factor": factor, "trustDevice": trusts });
        let answer = client.mutate("verifySecondFactor", input, TRUSTING).await;
        app.wait(TWO_STEPS);
        answer.assert_done().at("/it/deviceToken").is_string()
    };
    let totp = || json!({ "totp": code(&ada.app, &app) });
    assert!(attempt(&app, totp(), true).await);
    assert!(!attempt(&app, totp(), false).await);
    let recovery = json!({ "recoveryCode": ada.recovery_codes[0] });
    assert!(!attempt(&app, recovery, true).await, "whoever uses a recovery code has lost the factor");
    let off = app.replica_with(|config| config.factors.trusted_devices = Duration::ZERO).await;
    assert!(!attempt(&off, totp(), true).await);
    let client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let wrong = json!({ "totp": wrong_code(&ada.app, &app) });
    let input = json!({ "challenge": challenge, "factor": wrong, "trustDevice": true });
    let refused = client.mutate("verifySecondFactor", input, TRUSTING).await;
    refused.assert_refused("INVALID_CODE");
    assert_eq!(refused.at("/it/deviceToken"), &Value::Null);
}

#[tokio::test]
async fn an_account_trusts_its_twenty_newest_devices() {
    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (_, first) = trust(&app, &ada, "ada").await;
    let mut last = trust(&app, &ada, "ada").await;
    for _ in 0..19 {
        last = trust(&app, &ada, "ada").await;
    }
    assert_eq!(devices(&last.0).await.len(), 20);
    assert_untrusted(&log_in_on(&mut app.anonymous(), "ada", &first).await);
    log_in_on(&mut app.anonymous(), "ada", &last.1).await.assert_done();
}

#[tokio::test]
async fn the_tokens_are_hashed_and_go_with_the_account() {
    use sea_orm::{ConnectionTrait, Statement};

    let app = server().await;
    let ada = Enrolled::new(&app, "ada").await;
    let (client, token) = trust(&app, &ada, "ada").await;
    let rows = async || {
        let db = app.app.database.reader();
        let sql = "SELECT token_hash FROM trusted_devices";
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let rows = db.query_all_raw(statement).await.expect("rows");
        rows.iter().map(|row| row.try_get::<Vec<u8>>("", "token_hash").expect("bytes")).collect::<Vec<_>>()
    };
    let hashes = rows().await;
    assert_eq!(hashes.len(), 1);
    assert!(hashes[0].len() == 32 && hashes[0] != token.as_bytes());
    let export = client.ask("{ exportAccount { data } }").await;
    let exported = export.assert_done().at("/exportAccount/data/trustedDevices");
    assert_eq!(exported.as_array().map(Vec::len), Some(1), "{}", export.body);
    let close = json!({ "password": PASSWORD });
    client.mutate("deleteAccount", close, "errors { code }").await.assert_done();
    assert!(rows().await.is_empty());
}
