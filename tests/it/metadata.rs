//! The rest of the profile: the language, the picture, and the metadata of the user and of administrators.

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const FIELDS: &str = "user { locale pictureUrl metadata appMetadata } errors { code }";

async fn of(client: &Client, id: &Value) -> Value {
    let query =
        format!("{{ node(id: {id}) {{ ... on User {{ locale pictureUrl metadata appMetadata }} }} }}");
    client.ask(&query).await.assert_done().at("/node").clone()
}

#[tokio::test]
async fn a_user_writes_their_profile_and_an_administrator_the_rest() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let id = json!(ada.user_id);
    let input = json!({
        "locale": "pt_br", "pictureUrl": "https://a.example/ada.png", "metadata": { "theme": { "dark": true, "n": 1.5 } },
    });
    ada.mutate("updateProfile", input, FIELDS).await.assert_done();
    let input = json!({ "id": id, "appMetadata": { "plan": "pro" } });
    root.mutate("updateUser", input, FIELDS).await.assert_done();
    let expected = json!({
        "locale": "pt-BR", "pictureUrl": "https://a.example/ada.png",
        "metadata": { "theme": { "dark": true, "n": 1.5 } }, "appMetadata": { "plan": "pro" },
    });
    assert_eq!((of(&ada, &id).await, of(&root, &id).await), (expected.clone(), expected));

    let cleared = json!({ "locale": null, "pictureUrl": "", "metadata": {} });
    ada.mutate("updateProfile", cleared, FIELDS).await.assert_done();
    root.mutate("updateUser", json!({ "id": id, "locale": "de" }), FIELDS).await.assert_done();
    let expected =
        json!({ "locale": "de", "pictureUrl": null, "metadata": null, "appMetadata": { "plan": "pro" } });
    assert_eq!(of(&ada, &id).await, expected);
}

#[tokio::test]
async fn nobody_else_reads_metadata() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let metadata = json!({ "metadata": { "phone": "0123" } });
    ada.mutate("updateProfile", metadata, FIELDS).await.assert_done();
    let id = json!(ada.user_id);
    let (bob, writer) = (app.signed_in("bob").await, app.with_roles("writer", &[]).await);
    for client in [bob, writer, app.anonymous()] {
        let query = format!("{{ node(id: {id}) {{ ... on User {{ metadata appMetadata }} }} }}");
        let answer = client.ask(&query).await;
        assert!(!answer.body.to_string().contains("0123"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_user_cannot_write_the_metadata_of_administrators() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let own = ada.mutate("updateProfile", json!({ "appMetadata": { "plan": "pro" } }), FIELDS).await;
    own.assert_failed("BAD_USER_INPUT");
    let input = json!({ "id": ada.user_id, "appMetadata": { "plan": "pro" } });
    ada.mutate("updateUser", input, FIELDS).await.assert_failed("FORBIDDEN");
    let hidden = json!({ "metadata": { "appMetadata": { "plan": "pro" } } });
    ada.mutate("updateProfile", hidden, FIELDS).await.assert_done();
    assert_eq!(of(&ada, &json!(ada.user_id)).await["appMetadata"], Value::Null);
}

#[tokio::test]
async fn a_profile_is_bounded_and_harmless() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    for input in [
        json!({ "locale": "english" }),
        json!({ "locale": "de-".repeat(1000) }),
        json!({ "pictureUrl": "javascript:alert(1)" }),
        json!({ "pictureUrl": "http://a.example/p.png" }),
        json!({ "pictureUrl": "https://ada:secret@a.example/p.png" }),
        json!({ "pictureUrl": format!("https://a.example/{}", "a".repeat(5000)) }),
        json!({ "metadata": [1] }),
        json!({ "metadata": "text" }),
        json!({ "metadata": { "a": "x".repeat(5000) } }),
        json!({ "metadata": nested(9) }),
        json!({ "metadata": { "a": nested(9)["a"].clone(), "b": [[[[[[[[]]]]]]]] } }),
    ] {
        let refused = ada.mutate("updateProfile", input.clone(), FIELDS).await;
        refused.assert_failed("BAD_USER_INPUT");
        let mut admins = json!({ "id": ada.user_id });
        match (input.get("locale"), input.get("metadata")) {
            (Some(locale), _) => admins["locale"] = locale.clone(),
            (_, Some(metadata)) => admins["appMetadata"] = metadata.clone(),
            _ => continue,
        }
        root.mutate("updateUser", admins, FIELDS).await.assert_failed("BAD_USER_INPUT");
    }
    let odd = json!({ "metadata": { "\u{0}": "\u{0}\u{202e}</script>", "😀": [null, -1, 1e300] } });
    ada.mutate("updateProfile", odd.clone(), FIELDS).await.assert_done();
    assert_eq!(of(&ada, &json!(ada.user_id)).await["metadata"], odd["metadata"]);
}

#[tokio::test]
async fn a_change_of_metadata_is_in_the_audit_log() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let count = async || {
        let query = "{ auditEvents(filter: { actions: [USER_UPDATED] }) { nodes { id } } }";
        root.ask(query).await.at("/auditEvents/nodes").as_array().expect("a list").len()
    };
    for (number, metadata) in
        [json!({ "a": 1 }), json!({ "a": 1 }), json!({ "a": 2 })].into_iter().enumerate()
    {
        ada.mutate("updateProfile", json!({ "metadata": metadata }), FIELDS).await.assert_done();
        assert_eq!(count().await, [1, 1, 2][number]);
    }
}
