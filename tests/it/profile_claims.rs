//! `tokens.claims`: claims with the profile of the account.

use portcullis::config::Config;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, USER, decode};

const CLAIMS: [(&str, &str); 6] = [
    ("locale", "locale"),
    ("picture", "pictureUrl"),
    ("email", "email"),
    ("name", "displayName"),
    ("plan", "appMetadata.billing.plan"),
    ("theme", "metadata.theme"),
];

async fn app() -> TestApp {
    TestApp::with(|config| {
        config.tokens.claims = CLAIMS.map(|(name, field)| (name.to_owned(), field.to_owned())).into();
    })
    .await
}

fn claims(client: &Client) -> Value {
    decode(client.token.as_deref().expect("a token")).1
}

#[tokio::test]
async fn a_change_of_the_profile_is_in_the_next_token() {
    let app = app().await;
    let (root, mut ada) = (app.admin().await, app.signed_in("ada").await);
    for (name, _) in CLAIMS {
        assert_eq!(claims(&ada).get(name), None, "{name}");
    }
    let input = json!({
        "locale": "de", "pictureUrl": "https://a.example/p", "displayName": "Ada", "email": "ada@example.com",
        "metadata": { "theme": ["dark"], "secret": "hidden" },
    });
    ada.mutate("updateProfile", input, USER).await.assert_done();
    ada.refresh().await.assert_done();
    let found = claims(&ada);
    let expected = (&json!("de"), &json!("https://a.example/p"), &json!("Ada"), &json!(["dark"]));
    assert_eq!((&found["locale"], &found["picture"], &found["name"], &found["theme"]), expected);
    assert!(!found.to_string().contains("hidden"), "{found}");
    // Nobody has proven that the address is theirs.
    assert_eq!(found.get("email"), None);
    app.verify_email("ada").await;
    let input = json!({ "id": ada.user_id, "appMetadata": { "billing": { "plan": "pro" } } });
    root.mutate("updateUser", input, USER).await.assert_done();
    ada.refresh().await.assert_done();
    assert_eq!((&claims(&ada)["plan"], &claims(&ada)["email"]), (&json!("pro"), &json!("ada@example.com")));
    ada.me().await.assert_done();
    let input = json!({ "metadata": null, "locale": null });
    ada.mutate("updateProfile", input, USER).await.assert_done();
    ada.refresh().await.assert_done();
    assert_eq!((claims(&ada).get("theme"), claims(&ada).get("locale")), (None, None));
}

#[tokio::test]
async fn metadata_replaces_no_other_claim_and_makes_no_token_too_large() {
    let app = app().await;
    let mut ada = app.signed_in("ada").await;
    let before = claims(&ada);
    let metadata =
        json!({ "roles": ["admin"], "scope": "users:write", "sub": "root", "theme": "x".repeat(300) });
    let input = json!({
        "metadata": metadata, "pictureUrl": format!("https://a.example/{}", "a".repeat(900)),
    });
    ada.mutate("updateProfile", input, USER).await.assert_done();
    ada.refresh().await.assert_done();
    let after = claims(&ada);
    for name in ["roles", "scope", "sub"] {
        assert_eq!(after[name], before[name]);
    }
    assert_eq!((after.get("theme"), after.get("picture")), (None, None), "they are too large");
    ada.me().await.assert_done();
}

#[test]
fn a_claim_that_services_rely_on_cannot_be_taken_from_the_profile() {
    let refused = |name: &str, field: &str| {
        let mut config = Config::default();
        config.tokens.claims.insert(name.to_owned(), field.to_owned());
        config.tokens.custom_claims.insert("tenant".to_owned(), json!("acme"));
        config.check().err().map(|error| error.key)
    };
    for name in [
        "sub", "iss", "roles", "scope", "scp", "groups", "acr", "amr", "act", "cnf", "status", "tenant",
        "a b",
    ] {
        assert_eq!(refused(name, "metadata.x"), Some(format!("tokens.claims.{name}")));
    }
    for field in ["", "id", "passwordHash", "metadata", "metadata.", "metadata..a", "appMetadata", "roles"] {
        assert_eq!(refused("plan", field), Some("tokens.claims.plan".to_owned()), "{field}");
    }
    assert_eq!(refused("https://acme.example/plan", "appMetadata.plan"), None);
    let mut config = Config::default();
    for number in 0..30 {
        config.tokens.claims.insert(format!("claim{number}"), "metadata.x".to_owned());
    }
    assert!(config.check().is_err(), "the token could be too large for a header");
}
