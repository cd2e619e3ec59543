//! The size of an access token, which clients send in a header.

use portcullis::config::{Config, RoleConfig};
use serde_json::json;

use crate::{
    cli::Place,
    support::{PASSWORD, TestApp},
};

/// A role that grants this many scopes of 40 characters, none of which another role grants.
fn role(name: &str, scopes: usize) -> RoleConfig {
    RoleConfig::new((0..scopes).map(|number| format!("{name:0<34}:{number:0>5}")))
}

/// The largest role that the configuration permits.
fn largest_role(config: &mut Config) {
    let permitted = |scopes: &usize| {
        let mut config = config.clone();
        config.roles.insert("large".to_owned(), role("large", *scopes));
        config.check().is_ok()
    };
    let scopes = (1..300).take_while(permitted).last().expect("one scope is permitted");
    assert!(scopes > 80, "{scopes} scopes of 40 characters");
    config.roles.insert("large".to_owned(), role("large", scopes));
}

#[tokio::test]
async fn the_largest_token_that_the_configuration_permits_is_accepted() {
    let app = TestApp::with(|config| {
        config.tokens.custom_claims.insert("tenant".to_owned(), json!("x".repeat(100)));
        largest_role(config);
    })
    .await;
    // Letters of four bytes.
    let ada = app.with_roles(&"\u{10428}".repeat(64), &["large"]).await;
    ada.me().await.assert_done();
    ada.clone().over_http2().me().await.assert_done();
    let size = ada.token.as_ref().expect("a token").len();
    assert!((6000..=8192).contains(&size), "{size}");
}

#[test]
fn a_role_or_claims_that_make_a_token_too_large_stop_the_start_and_the_doctor() {
    let place = Place::new();
    let role = role("large", 140);
    place.write("portcullis.toml", &format!("[roles.large]\nscopes = {:?}\n", role.scopes));
    for command in ["serve", "doctor", "users create ada"] {
        let printed = place.run_with(command, "correct horse battery staple\n");
        let said = printed.out + &printed.err;
        assert!(
            said.contains("roles.large.scopes results in access tokens with up to "),
            "{command}: {said}"
        );
        assert!(said.contains("remove or shorten scopes or claims"), "{command}: {said}");
    }
    let mut config = Config::default();
    for name in ["one", "two"] {
        config.roles.insert(name.to_owned(), self::role(name, 60));
        config.accounts.default_roles.push(name.to_owned());
    }
    assert_eq!(config.check().expect_err("too large").key, "accounts.default_roles");
    let mut config = Config::default();
    config.tokens.audience = "x".repeat(5000);
    assert_eq!(config.check().expect_err("too large").key, "tokens.custom_claims");
}

#[tokio::test]
async fn roles_that_grant_too_much_together_are_not_given_to_one_account() {
    let app = TestApp::with(|config| {
        for name in ["one", "two"] {
            config.roles.insert(name.to_owned(), role(name, 60));
        }
    })
    .await;
    let root = app.admin().await;
    let ada = app.with_roles("ada", &["one"]).await;
    let both = json!({ "id": ada.user_id, "roles": ["one", "two"] });
    let refused = root.mutate("updateUser", both, "errors { code }").await;
    refused.assert_failed("BAD_USER_INPUT");
    assert!(
        refused.body.to_string().contains("more scopes than an access token can hold"),
        "{}",
        refused.body
    );
    let new = json!({ "username": "bob", "password": PASSWORD, "roles": ["one", "two"] });
    root.mutate("createUser", new, "errors { code }").await.assert_failed("BAD_USER_INPUT");
    ada.me().await.assert_done();
    let two = json!({ "id": ada.user_id, "roles": ["two"] });
    root.mutate("updateUser", two, "errors { code }").await.assert_done();
}

#[tokio::test]
async fn an_account_whose_roles_have_grown_too_large_is_told_why_it_cannot_sign_in() {
    let app = TestApp::with(|config| {
        for name in ["one", "two"] {
            config.roles.insert(name.to_owned(), role(name, 1));
        }
    })
    .await;
    let mut ada = app.with_roles("ada", &["one", "two"]).await;
    let grown = app
        .replica_with(|config| {
            for name in ["one", "two"] {
                config.roles.insert(name.to_owned(), role(name, 75));
            }
            config.check().expect("each fits");
        })
        .await;
    ada = ada.at(grown.url("/graphql"));
    for answer in [ada.log_in("ada", PASSWORD).await, ada.refresh_with(ada.kept()).await] {
        answer.assert_failed("OPERATION_LIMIT_EXCEEDED");
        let said = answer.body.to_string();
        assert!(said.contains("Ask an administrator to remove a role."), "{said}");
    }
}
