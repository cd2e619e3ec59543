use ciborium::cbor;
use serde_json::{Value, json};

use super::{
    Authenticator, add,
    authenticator::{BACKED_UP, BACKUP_ELIGIBLE, USER_PRESENT, USER_VERIFIED, encode},
    finish_login, log_in, names, send, start, start_login, with_passkey,
};
use crate::support::{Answer, TestApp, base64url};

/// A change that makes each response unacceptable.
type Lie = fn(&mut Authenticator);

const LIES: [(&str, Lie); 12] = [
    ("another origin", |a| a.origin = "https://evil.example".into()),
    ("a subdomain", |a| a.origin = "https://a.id.example.com".into()),
    ("another port", |a| a.origin = "https://id.example.com:444".into()),
    ("without TLS", |a| a.origin = "http://id.example.com".into()),
    ("another RP ID", |a| a.rp_id = "example.com".into()),
    ("a user who was not verified", |a| a.flags &= !USER_VERIFIED),
    ("a user who was not present", |a| a.flags &= !USER_PRESENT),
    ("backed up, but not eligible", |a| a.flags |= BACKED_UP),
    ("a frame", |a| a.client_data = json!({ "crossOrigin": true })),
    ("a frame of another site", |a| a.client_data = json!({ "topOrigin": "https://evil.example" })),
    ("another challenge", |a| a.client_data = json!({ "challenge": base64url(&[0; 32]) })),
    ("trailing bytes", |a| a.trailing = vec![0]),
];

#[tokio::test]
async fn a_lie_adds_no_passkey() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for (name, lie) in LIES {
        let mut authenticator = Authenticator::es256();
        lie(&mut authenticator);
        let answer = add(&ada, &mut authenticator).await;
        assert_eq!(answer.codes(), ["PASSKEY_REJECTED"], "{name}");
    }
    let mut authenticator = Authenticator::es256();
    authenticator.client_data = json!({ "type": "webauthn.get" });
    add(&ada, &mut authenticator).await.assert_refused("PASSKEY_REJECTED");
    assert!(names(&ada).await.is_empty());
}

#[tokio::test]
async fn a_lie_does_not_sign_in() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let truth = log_in(&app, &mut authenticator).await.1;
    truth.assert_done();
    let (origin, rp_id, flags) =
        (authenticator.origin.clone(), authenticator.rp_id.clone(), authenticator.flags);
    for (name, lie) in LIES {
        lie(&mut authenticator);
        let (client, answer) = log_in(&app, &mut authenticator).await;
        assert_eq!(answer.codes(), ["PASSKEY_REJECTED"], "{name}");
        assert!(client.token.is_none() && answer.at("/it/accessToken").is_null(), "{name}");
        (authenticator.origin, authenticator.rp_id) = (origin.clone(), rp_id.clone());
        authenticator.flags = flags;
        authenticator.client_data = json!({});
        authenticator.trailing.clear();
    }
    log_in(&app, &mut authenticator).await.1.assert_done();
}

#[tokio::test]
async fn the_backup_eligibility_never_changes() {
    let app = TestApp::start().await;
    let (ada, mut fixed) = with_passkey(&app, "ada").await;
    fixed.flags |= BACKUP_ELIGIBLE;
    log_in(&app, &mut fixed).await.1.assert_refused("PASSKEY_REJECTED");
    let mut synchronized = Authenticator::es256();
    synchronized.flags |= BACKUP_ELIGIBLE;
    add(&ada, &mut synchronized).await.assert_done();
    synchronized.flags &= !BACKUP_ELIGIBLE;
    log_in(&app, &mut synchronized).await.1.assert_refused("PASSKEY_REJECTED");
}

/// Signs in with a response that `change` has changed.
async fn log_in_changed(
    app: &TestApp,
    authenticator: &mut Authenticator,
    change: impl FnOnce(&mut Value),
) -> Answer {
    let (challenge, options) = start_login(&app.anonymous()).await;
    let mut response = authenticator.get(&options);
    change(&mut response);
    finish_login(&mut app.anonymous(), &challenge, &response).await
}

#[tokio::test]
async fn every_rejected_sign_in_gets_the_same_answer() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    let (eve, mut other) = with_passkey(&app, "eve").await;
    let unknown = log_in(&app, &mut Authenticator::es256()).await.1;
    unknown.assert_refused("PASSKEY_REJECTED");

    let signature = |response: &mut Value| response["response"]["signature"] = json!(base64url(&[0x30; 70]));
    let handle = other.user_handle.clone();
    let wrong = [
        log_in_changed(&app, &mut authenticator, signature).await,
        log_in_changed(&app, &mut authenticator, |response| {
            response["response"]["userHandle"] = json!(handle);
        })
        .await,
        log_in_changed(&app, &mut authenticator, |response| {
            response["response"]["userHandle"] = Value::Null;
        })
        .await,
        log_in_changed(&app, &mut authenticator, |response| {
            let id = json!(base64url(&other.credential_id));
            (response["id"], response["rawId"]) = (id.clone(), id);
        })
        .await,
        log_in_changed(&app, &mut authenticator, |response| *response = json!({})).await,
    ];
    for answer in wrong {
        assert_eq!(answer.body, unknown.body);
    }
    let disable = json!({ "id": ada.user_id, "disabled": true });
    root.mutate("updateUser", disable, "errors { code }").await.assert_done();
    assert_eq!(log_in(&app, &mut authenticator).await.1.body, unknown.body);
    root.mutate("deleteUser", json!({ "id": eve.user_id }), "errors { code }").await.assert_done();
    assert_eq!(log_in(&app, &mut other).await.1.body, unknown.body);
}

#[tokio::test]
async fn a_response_is_an_object_of_a_limited_size() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    for malformed in [json!(null), json!("a"), json!([]), json!(1)] {
        let (challenge, _) = start_login(&app.anonymous()).await;
        let answer = finish_login(&mut app.anonymous(), &challenge, &malformed).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{malformed}");
    }
    let long = "A".repeat(100_000);
    for path in [
        "/id",
        "/rawId",
        "/type",
        "/response/clientDataJSON",
        "/response/authenticatorData",
        "/response/signature",
        "/response/userHandle",
    ] {
        let values = [
            json!(long),
            json!(""),
            json!("a b"),
            json!("+/+/"),
            json!("AAA="),
            json!(1),
            json!([]),
            json!({}),
        ];
        for value in values {
            let change =
                |response: &mut Value| *response.pointer_mut(path).expect("it is there") = value.clone();
            let answer = log_in_changed(&app, &mut authenticator, change).await;
            assert_eq!(answer.codes(), ["PASSKEY_REJECTED"], "{path} {value:.40}");
        }
    }
    for path in ["/response/clientDataJSON", "/response/attestationObject"] {
        for value in [json!(long), json!(""), json!("AAAA"), json!([1])] {
            let (challenge, options) = start(&ada).await;
            let mut response = Authenticator::es256().create(&options);
            *response.pointer_mut(path).expect("it is there") = value;
            send(&ada, &challenge, &response).await.assert_refused("PASSKEY_REJECTED");
        }
    }
    log_in(&app, &mut authenticator).await.1.assert_done();
}

#[tokio::test]
async fn a_key_is_one_point_of_a_supported_algorithm() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let bytes = |length| ciborium::Value::Bytes(vec![1; length]);
    for key in [
        cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => bytes(32), -3 => bytes(32) }),
        cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => bytes(31), -3 => bytes(33) }),
        cbor!({ 1 => 2, 3 => -7, -1 => 2, -2 => bytes(48), -3 => bytes(48) }),
        cbor!({ 1 => 2, 3 => -35, -1 => 2, -2 => bytes(48), -3 => bytes(48) }),
        cbor!({ 1 => 1, 3 => -8, -1 => 6, -2 => bytes(31) }),
        cbor!({ 1 => 1, 3 => -8, -1 => 7, -2 => bytes(57) }),
        cbor!({ 1 => 3, 3 => -257, -1 => bytes(128), -2 => bytes(3) }),
        cbor!({ 1 => 3, 3 => -257, -1 => bytes(1024), -2 => bytes(3) }),
        cbor!({ 1 => 3, 3 => -257, -1 => bytes(256), -2 => bytes(200) }),
        cbor!({ 1 => 3, 3 => -7, -1 => bytes(256), -2 => bytes(3) }),
        cbor!({}),
        cbor!([1, 2]),
    ] {
        let mut authenticator = Authenticator::es256();
        let key = key.expect("it can be encoded");
        authenticator.cose_key = Some(encode(&key));
        let answer = add(&ada, &mut authenticator).await;
        assert_eq!(answer.codes(), ["PASSKEY_REJECTED"], "{key:?}");
    }
    for malformed in [vec![], vec![0xff], vec![0xa1, 1], vec![0xbf; 100], vec![0x9a, 0xff, 0xff, 0xff, 0xff]]
    {
        let mut authenticator = Authenticator::es256();
        authenticator.cose_key = Some(malformed);
        add(&ada, &mut authenticator).await.assert_refused("PASSKEY_REJECTED");
    }
    let mut twice = Authenticator::es256();
    let mut key = twice.public_key().into_map().expect("a map");
    key.push(key[0].clone());
    twice.cose_key = Some(encode(&ciborium::Value::Map(key)));
    add(&ada, &mut twice).await.assert_refused("PASSKEY_REJECTED");
}

#[tokio::test]
async fn an_attestation_is_absent_or_by_the_passkey_itself() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for (format, is_signed, code) in [
        ("packed", true, None),
        ("packed", false, Some("PASSKEY_REJECTED")),
        ("none", true, Some("PASSKEY_REJECTED")),
        ("fido-u2f", true, Some("PASSKEY_REJECTED")),
    ] {
        let (challenge, options) = start(&ada).await;
        let response = Authenticator::es256().create_attested(&options, format, is_signed);
        let answer = send(&ada, &challenge, &response).await;
        assert_eq!(answer.codes(), code.into_iter().collect::<Vec<_>>(), "{format}");
    }
    let (challenge, options) = start(&ada).await;
    let mut response = Authenticator::es256().create(&options);
    response["clientExtensionResults"]["credProps"]["rk"] = json!(false);
    send(&ada, &challenge, &response).await.assert_refused("PASSKEY_REJECTED");
}
