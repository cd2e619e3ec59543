use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Authenticator, PASSKEY, add,
    authenticator::{BACKED_UP, BACKUP_ELIGIBLE},
    log_in, names, send, start, start_login, with_passkey,
};
use crate::support::{TestApp, keys};

const ICLOUD: [u8; 16] = 0xfbfc_3007_154e_4ecc_8c0b_6e02_0557_d7bd_u128.to_be_bytes();

#[tokio::test]
async fn the_options_ask_for_a_passkey_that_verifies_its_user() {
    let app = TestApp::start().await;
    let (ada, authenticator) = with_passkey(&app, "ada").await;
    let (challenge, options) = start(&ada).await;
    assert_eq!(
        keys(&options),
        [
            "attestation",
            "authenticatorSelection",
            "challenge",
            "excludeCredentials",
            "extensions",
            "pubKeyCredParams",
            "rp",
            "timeout",
            "user"
        ]
    );
    assert_eq!(options["rp"], json!({ "id": "id.example.com", "name": "id.example.com" }));
    assert_eq!((&options["user"]["name"], &options["user"]["displayName"]), (&json!("ada"), &json!("ada")));
    assert_eq!(options["user"]["id"].as_str().map(str::len), Some(22), "the 16 bytes of the account");
    assert_ne!(options["challenge"], challenge);
    let selection =
        json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "required" });
    assert_eq!(options["authenticatorSelection"], selection);
    assert_eq!(options["attestation"], "none");
    let algorithms = [-8, -7, -257].map(|alg| json!({ "type": "public-key", "alg": alg }));
    assert_eq!(options["pubKeyCredParams"], json!(algorithms));
    let id = crate::support::base64url(&authenticator.credential_id);
    let excluded = json!([{ "type": "public-key", "id": id, "transports": ["hybrid", "internal"] }]);
    assert_eq!(options["excludeCredentials"], excluded);
}

#[tokio::test]
async fn a_new_passkey_has_the_name_of_its_authenticator_or_one_that_was_chosen() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut phone = Authenticator::es256();
    phone.aaguid = ICLOUD;
    phone.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    let answer = add(&ada, &mut phone).await;
    let passkey = answer.assert_done().at("/it/passkey");
    assert!(passkey["id"].as_str().is_some_and(|id| id.starts_with("passkey_")), "{passkey}");
    assert_eq!(passkey["name"], "iCloud Keychain");
    assert_eq!(passkey["authenticator"], "iCloud Keychain");
    assert_eq!((&passkey["backupEligible"], &passkey["backedUp"]), (&json!(true), &json!(true)));
    assert!(passkey["createdAt"].is_string() && passkey["lastUsedAt"].is_null(), "{passkey}");

    let answer = add(&ada, &mut Authenticator::eddsa()).await;
    let passkey = answer.assert_done().at("/it/passkey");
    assert_eq!((&passkey["name"], &passkey["authenticator"]), (&json!("Passkey"), &Value::Null));
    let (challenge, options) = start(&ada).await;
    let credential = Authenticator::es256().create(&options);
    let input = json!({ "challenge": challenge, "credential": credential, "name": "  My key 😀 " });
    ada.mutate("addPasskey", input, PASSKEY).await.assert_done();
    assert_eq!(names(&ada).await, ["My key 😀", "Passkey", "iCloud Keychain"]);
}

#[tokio::test]
async fn a_name_is_one_short_line() {
    let app = TestApp::start().await;
    let (ada, _) = with_passkey(&app, "ada").await;
    let (challenge, options) = start(&ada).await;
    let credential = Authenticator::es256().create(&options);
    for name in ["a\nb", "a\0", &"a".repeat(65), &"😀".repeat(10_000)] {
        let input = json!({ "challenge": challenge, "credential": credential, "name": name });
        ada.mutate("addPasskey", input, PASSKEY).await.assert_failed("BAD_USER_INPUT");
    }
    send(&ada, &challenge, &credential).await.assert_done();
}

#[tokio::test]
async fn a_challenge_adds_one_passkey() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (challenge, options) = start(&ada).await;
    send(&ada, &challenge, &Authenticator::es256().create(&options)).await.assert_done();
    let second = Authenticator::es256().create(&options);
    send(&ada, &challenge, &second).await.assert_refused("INVALID_CHALLENGE");
    assert_eq!(names(&ada).await, ["Passkey"]);
}

#[tokio::test]
async fn a_challenge_adds_a_passkey_to_its_account_only() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.signed_in("ada").await, app.signed_in("eve").await);
    let (challenge, options) = start(&eve).await;
    let credential = Authenticator::es256().create(&options);
    send(&ada, &challenge, &credential).await.assert_refused("INVALID_CHALLENGE");
    let (other, _) = start(&ada).await;
    send(&ada, &other, &credential).await.assert_refused("PASSKEY_REJECTED");
    let (login, options) = start_login(&ada).await;
    let credential = Authenticator::es256().create(&options);
    send(&ada, &login, &credential).await.assert_refused("INVALID_CHALLENGE");
    assert!(names(&ada).await.is_empty() && names(&eve).await.is_empty());
    send(&app.anonymous(), &other, &credential).await.assert_unauthenticated("TOKEN_MISSING");
}

#[tokio::test]
async fn a_challenge_expires_after_ten_minutes() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (challenge, options) = start(&ada).await;
    app.wait(Duration::from_mins(10));
    let late = Authenticator::es256().create(&options);
    send(&ada, &challenge, &late).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_credential_belongs_to_one_account() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    let eve = app.signed_in("eve").await;
    for client in [&ada, &eve] {
        let mut copy = Authenticator::es256();
        copy.credential_id.clone_from(&authenticator.credential_id);
        add(client, &mut copy).await.assert_refused("PASSKEY_REJECTED");
    }
    let (client, answer) = log_in(&app, &mut authenticator).await;
    answer.assert_done();
    assert_eq!(client.user_id, ada.user_id);
}

#[tokio::test]
async fn an_account_has_at_most_twenty_passkeys() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (challenge, options) = start(&ada).await;
    for _ in 0..20 {
        add(&ada, &mut Authenticator::eddsa()).await.assert_done();
    }
    let start = ada.ask("mutation { it: startPasskey { challenge options errors { code } } }").await;
    start.assert_refused("LIMIT_REACHED");
    assert!(start.at("/it/challenge").is_null() && start.at("/it/options").is_null(), "{}", start.body);
    let earlier = Authenticator::eddsa().create(&options);
    send(&ada, &challenge, &earlier).await.assert_refused("LIMIT_REACHED");
    assert_eq!(names(&ada).await.len(), 20);
}

#[tokio::test]
async fn a_passkey_needs_a_recent_login() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let (challenge, options) = start(&ada).await;
    app.wait(Duration::from_secs(301));
    ada.refresh().await.assert_done();
    let late = ada.ask("mutation { it: startPasskey { challenge } }").await;
    assert_eq!(late.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
    // The user may take a while with the authenticator.
    send(&ada, &challenge, &Authenticator::es256().create(&options)).await.assert_done();
}
