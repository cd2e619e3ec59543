//! The encoding of a token, to the last bit.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE},
};
use serde_json::json;

use super::{INVALID, MALFORMED, Scene, merged};
use crate::support::{base64url, unsigned};

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[tokio::test]
async fn a_token_that_was_edited_is_refused() {
    let scene = Scene::set().await;
    let [header, claims, signature] = scene.parts();
    let admin = unsigned(&scene.header, &merged(&scene.claims, &json!({ "scope": "users:read" })));
    for token in [
        format!("{admin}.{signature}"),
        format!("{header}.{claims}.{}", "A".repeat(86)),
        format!("{header}.{claims}.{signature}AAAA"),
        format!("{claims}.{header}.{signature}"),
        format!("A{header}.{claims}.{signature}"),
    ] {
        scene.assert_refused(&token, INVALID).await;
    }
    scene.assert_accepted(scene.token()).await;
}

#[tokio::test]
async fn a_signature_that_lacks_its_end_is_refused_wherever_it_was_cut() {
    let scene = Scene::set().await;
    let [header, claims, signature] = scene.parts();
    for length in 1..signature.len() {
        scene.assert_refused(&format!("{header}.{claims}.{}", &signature[..length]), INVALID).await;
    }
    scene.assert_refused(&format!("{header}.{claims}."), MALFORMED).await;
    scene.assert_refused(&format!("{header}.{claims}"), MALFORMED).await;
}

/// The same bytes in another spelling: the bits behind the last byte are not zero (RFC 4648 §3.5).
fn respelled(part: &str) -> String {
    let last = part.bytes().last().expect("a part");
    let at = ALPHABET.iter().position(|byte| *byte == last).expect("base64url");
    format!("{}{}", &part[..part.len() - 1], char::from(ALPHABET[at + 1]))
}

/// A JSON text that is padded so that its base64 has bits to spare.
fn padded(json: &serde_json::Value) -> String {
    let mut text = json.to_string();
    while text.len() % 3 != 1 {
        text.push(' ');
    }
    text
}

#[tokio::test]
async fn each_part_has_one_spelling() {
    let scene = Scene::set().await;
    let (header, claims) = (padded(&scene.header), padded(&scene.claims));
    let token = scene.with_texts(&header, &claims);
    scene.assert_accepted(&token).await;
    let [header_part, claims_part, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    // Signed as they are spelled, so that nothing but the spelling is wrong.
    for signed in [
        format!("{}.{claims_part}", respelled(header_part)),
        format!("{header_part}.{}", respelled(claims_part)),
    ] {
        scene.assert_refused(&scene.forge.sign_text(&signed), INVALID).await;
    }
    let respelled = format!("{header_part}.{claims_part}.{}", respelled(signature));
    scene.assert_refused(&respelled, INVALID).await;

    let odd = json!({ "more": "\u{7ff}\u{7ff}\u{7ff}??>>" });
    let text = merged(&scene.claims, &odd).to_string();
    scene.assert_accepted(&scene.with_texts(&header, &text)).await;
    for part in
        [BASE64_STANDARD.encode(&text), BASE64_STANDARD_NO_PAD.encode(&text), BASE64_URL_SAFE.encode(&claims)]
    {
        assert_ne!(part, base64url(text.as_bytes()));
        scene.assert_refused(&scene.forge.sign_text(&format!("{header_part}.{part}")), MALFORMED).await;
    }
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_malformed() {
    let scene = Scene::set().await;
    let token = scene.token();
    let [header, claims, signature] = scene.parts();
    for malformed in [
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}\u{e9}"),
        format!("{header}.{claims}\u{30a}.{signature}"),
        format!("{header}.{claims}.{signature}%00"),
        format!("{header}.{claims}. {signature}"),
        format!("{token}.{signature}"),
        format!("{token}.a.b"),
        format!(".{token}"),
        token.replace('.', ".."),
        token.replace('.', "_"),
        token.replace('.', "\u{2024}"),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("\"{token}\""),
        "a.b.c\u{fc}".to_owned(),
        "...".to_owned(),
        "undefined".to_owned(),
        "null".to_owned(),
    ] {
        scene.assert_refused(&malformed, MALFORMED).await;
    }
    scene.assert_refused("a.b.c", INVALID).await;
}

#[tokio::test]
async fn a_token_over_eight_kibibytes_is_not_looked_at() {
    let scene = Scene::set().await;
    let padded = |bytes: usize| scene.with_claims(&json!({ "padding": "x".repeat(bytes) }));
    let short = padded(5000);
    assert!(short.len() < 8192);
    scene.assert_accepted(&short).await;
    scene.assert_refused(&padded(6200), MALFORMED).await;
    scene.assert_refused(&padded(100_000), MALFORMED).await;
}

/// An invalid HTTP header does not reach the server's code: the connection ends with an error of the client.
#[tokio::test]
async fn a_mebibyte_or_a_nul_is_refused_with_its_header() {
    let scene = Scene::set().await;
    let [header, claims, signature] = scene.parts();
    let head = |token: &str| {
        format!(
            "GET /graphql?query=%7Bme%7Bid%7D%7D HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        )
    };
    let huge = "a".repeat(1024 * 1024);
    for (token, status) in [
        (huge.as_str(), 431),
        (&format!("{header}.{claims}.{huge}"), 431),
        (&format!("{header}.{claims}\0.{signature}"), 400),
        (&format!("{header}.{claims}.{signature}\0"), 400),
        (&format!("{header}.{claims}.{signature}\u{7f}"), 400),
    ] {
        let answer = scene.app.raw(head(token).as_bytes()).await;
        assert_eq!(answer.status, status, "{}", token.len());
        scene.assert_accepted(scene.token()).await;
    }
    let answer = scene.app.raw(head(scene.token()).as_bytes()).await;
    assert_eq!(answer.at("/me/id"), &*scene.ada.user_id);
}
