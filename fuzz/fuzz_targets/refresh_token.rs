//! Refresh tokens. Nothing is one but what the codec wrote, to the letter.
//!
//! The input is a token, or else how to spoil one: where, and with what.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis::{
    id::SessionId,
    secret::{MasterSecret, MasterSecrets},
    tokens::{Generation, RefreshCodec},
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

static CODEC: LazyLock<RefreshCodec> = LazyLock::new(|| {
    let secret = |text: &str| MasterSecret::new(&text.repeat(32).into()).expect("it is long enough");
    RefreshCodec::new(&MasterSecrets { current: secret("a"), secondary: None })
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_is_written(text);
    let token = CODEC.new_chain(SessionId::from_uuid(Uuid::from_u128(7)), Generation(1));
    let mut spoilt = CODEC.encode(&token).expose_secret().to_owned();
    if let Some((at, with)) = data.split_first() {
        let at = usize::from(*at) % spoilt.len();
        let with: String = with.iter().take(8).map(|byte| char::from(byte & 0x7f)).collect();
        let end = (at + with.len()).min(spoilt.len());
        spoilt.replace_range(at..end, &with);
        assert_is_written(&spoilt);
    }
});

fn assert_is_written(text: &str) {
    if let Some(token) = CODEC.decode(&SecretString::from(text)) {
        assert_eq!(CODEC.encode(&token).expose_secret(), text);
        let successor = CODEC.encode(&CODEC.successor(&token));
        assert!(CODEC.decode(&successor).is_some());
    }
}
