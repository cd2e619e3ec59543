//! Servers on which the e-mail address is the username, and must be verified before the first sign-in.

use portcullis::config::UsernamePolicy;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{ADDRESS, CHALLENGE, VERIFIED, assert_failed, by_code, by_token, request, verify};
use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER};

const FIRST: &str = "accessToken user { id } challenge { token methods } errors { code message field }";

async fn app(policy: UsernamePolicy) -> TestApp {
    TestApp::with(|config| {
        config.accounts.username = policy;
        config.accounts.verify_before_sign_in = true;
    })
    .await
}

async fn register(client: &Client, address: &str, password: &str) -> Answer {
    client.mutate("register", json!({ "email": address, "password": password }), FIRST).await
}

/// Registers, and verifies the address by the link.
async fn register_and_verify(app: &TestApp, address: &str, password: &str) {
    register(&app.anonymous(), address, password).await;
    let verified = verify(app, &app.newest_message(address).await.token).await;
    assert_eq!(verified.assert_done().at("/it/user/username"), address);
}

/// The response without what is random.
fn shape(answer: &Answer) -> (Value, Option<usize>) {
    let mut payload = answer.at("/it").clone();
    let token = payload["challenge"]["token"].take();
    (payload, token.as_str().map(str::len))
}

#[tokio::test]
async fn a_registration_reveals_nothing_about_the_address_and_its_owner_gets_a_message() {
    for policy in [UsernamePolicy::Email, UsernamePolicy::Optional] {
        let app = app(policy).await;
        register_and_verify(&app, ADDRESS, PASSWORD).await;
        let free = register(&app.anonymous(), "bob@example.com", OTHER_PASSWORD).await;
        assert_failed(&free, "EMAIL_NOT_VERIFIED");
        for spelling in [ADDRESS, "ADA@Example.com"] {
            let taken = register(&app.anonymous(), spelling, OTHER_PASSWORD).await;
            assert_eq!(shape(&free), shape(&taken), "{spelling}");
        }
        let claimed = register(&app.anonymous(), "bob@example.com", OTHER_PASSWORD).await;
        assert_eq!(shape(&free), shape(&claimed), "an address that somebody else has not verified");
        let notice = app.messages("ADA@Example.com").await.pop().expect("a message");
        assert!(notice.token.is_empty() && notice.code.is_empty(), "{}", notice.text);
        assert!(notice.text.contains("already belongs to an account: ada@example.com"), "{}", notice.text);
        assert!(notice.text.contains("If this was you, sign in to this account."), "{}", notice.text);
        // The login reveals nothing either.
        for address in [ADDRESS, "bob@example.com", "nobody@example.com"] {
            assert_failed(&app.anonymous().log_in(address, OTHER_PASSWORD).await, "INVALID_CREDENTIALS");
        }
        app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
    }
}

#[tokio::test]
async fn a_registration_writes_the_same_rows_whether_or_not_the_address_is_taken() {
    let app = app(UsernamePolicy::Email).await;
    register_and_verify(&app, ADDRESS, PASSWORD).await;
    let mut counts = Vec::new();
    for address in ["bob@example.com", ADDRESS] {
        let before = rows(&app).await;
        register(&app.anonymous(), address, PASSWORD).await;
        let after = rows(&app).await;
        counts.push(after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>());
    }
    assert_eq!(counts, [[1, 1, 1, 1], [1, 1, 1, 1]]);
}

/// The numbers of accounts, assigned roles, proofs and messages.
async fn rows(app: &TestApp) -> Vec<i64> {
    let db = app.app.database.reader();
    let mut counts = Vec::new();
    for table in ["users", "user_roles", "email_proofs", "outgoing_messages"] {
        let sql = format!("SELECT COUNT(*) AS count FROM {table}");
        let row = db.query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), sql)).await;
        counts.push(row.expect("an answer").expect("a row").try_get("", "count").expect("a number"));
    }
    counts
}

#[tokio::test]
async fn an_attacker_who_registers_first_neither_locks_the_owner_out_nor_gets_in() {
    let app = app(UsernamePolicy::Email).await;
    register(&app.anonymous(), ADDRESS, OTHER_PASSWORD).await;
    let attackers = app.newest_message(ADDRESS).await.token;
    register_and_verify(&app, ADDRESS, PASSWORD).await;
    assert_failed(&verify(&app, &attackers).await, "EMAIL_TAKEN");
    let mut owner = app.anonymous();
    owner.log_in(ADDRESS, PASSWORD).await.assert_done();
    assert_eq!(owner.ask("{ me { username emailVerified } }").await.at("/me/username"), ADDRESS);
    assert_failed(&app.anonymous().log_in(ADDRESS, OTHER_PASSWORD).await, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn an_attacker_who_registers_again_does_not_replace_the_password_of_the_owner() {
    let app = app(UsernamePolicy::Email).await;
    let owner = app.anonymous();
    let registered = register(&owner, ADDRESS, PASSWORD).await;
    let challenge = registered.at("/it/challenge/token").as_str().expect("a challenge").to_owned();
    let code = app.newest_message(ADDRESS).await.code;
    register(&app.anonymous(), ADDRESS, OTHER_PASSWORD).await;
    let others = app.newest_message(ADDRESS).await.code;
    let with = |code: &str| json!({ "proof": by_code(&challenge, code) });
    assert_failed(&owner.mutate("verifyEmail", with(&others), VERIFIED).await, "INVALID_CODE");
    owner.mutate("verifyEmail", with(&code), VERIFIED).await.assert_done();
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
    assert_failed(&app.anonymous().log_in(ADDRESS, OTHER_PASSWORD).await, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn an_owner_who_recovers_the_account_of_an_attacker_has_the_address_as_its_name() {
    let app = app(UsernamePolicy::Email).await;
    register(&app.anonymous(), ADDRESS, OTHER_PASSWORD).await;
    let attackers = app.newest_message(ADDRESS).await.token;
    let owner = app.anonymous();
    request(&owner, "requestPasswordReset", ADDRESS).await;
    let proof = by_token(&app.newest_message(ADDRESS).await.token);
    let input = json!({ "proof": proof, "newPassword": PASSWORD });
    let reset = owner.mutate("resetPassword", input, AUTH).await;
    assert_eq!(reset.assert_done().at("/it/user/username"), ADDRESS);
    assert_failed(&verify(&app, &attackers).await, "INVALID_CHALLENGE");
    assert_failed(&app.anonymous().log_in(ADDRESS, OTHER_PASSWORD).await, "INVALID_CREDENTIALS");
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_lost_message_can_be_requested_again() {
    let app = app(UsernamePolicy::Optional).await;
    let client = app.anonymous();
    register(&client, ADDRESS, PASSWORD).await;
    let first = app.newest_message(ADDRESS).await;
    assert!(
        first.text.contains("Hello,"),
        "the name is the address only after the verification: {}",
        first.text
    );
    let sent = client.mutate("requestEmailVerification", json!({ "email": ADDRESS }), CHALLENGE).await;
    let challenge = sent.assert_done().at("/it/challenge").as_str().expect("a challenge");
    let proof = json!({ "proof": by_code(challenge, &app.newest_message(ADDRESS).await.code) });
    client.mutate("verifyEmail", proof, VERIFIED).await.assert_done();
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
}

#[tokio::test]
async fn nobody_occupies_or_tests_an_address_by_choosing_it_as_a_name() {
    let app = app(UsernamePolicy::Optional).await;
    register_and_verify(&app, ADDRESS, PASSWORD).await;
    let named = async |name: &str, address: &str| {
        let input = json!({ "username": name, "email": address, "password": PASSWORD });
        app.anonymous().mutate("register", input, FIRST).await
    };
    for name in [ADDRESS, "ＡDA@example.com", "free@example.com"] {
        assert_failed(&named(name, "eve@example.com").await, "USERNAME_INVALID");
    }
    assert_failed(&named(ADDRESS, ADDRESS).await, "EMAIL_NOT_VERIFIED");
    assert_failed(&named("eve", ADDRESS).await, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn an_address_that_is_the_name_of_another_account_can_be_verified() {
    let app = app(UsernamePolicy::Email).await;
    let root = app.admin().await;
    let input = json!({ "username": ADDRESS, "email": "other@example.com", "password": OTHER_PASSWORD });
    root.mutate("createUser", input, USER).await.assert_done();
    register(&app.anonymous(), ADDRESS, PASSWORD).await;
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    let mut owner = app.anonymous();
    owner.log_in(ADDRESS, PASSWORD).await.assert_done();
    let me = owner.ask("{ me { id username email } }").await;
    assert_eq!(me.at("/me/email"), ADDRESS);
    assert_ne!(me.at("/me/username"), ADDRESS);
}
