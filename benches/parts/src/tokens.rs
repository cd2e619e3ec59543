//! Access tokens and refresh tokens.

use std::time::Duration;

use divan::{Bencher, black_box};
use portcullis::{
    clock::Clock,
    id::SessionId,
    secret::{MasterSecret, MasterSecrets},
    tokens::{Generation, RefreshCodec, TokenFormat, VerificationKeys, Verifier, VerifierConfig},
};

use crate::server::Server;

fn verifier(server: &Server) -> Verifier {
    let config = VerifierConfig {
        issuer: None,
        audience: server.app.config.tokens.audience.clone(),
        clock_skew: Duration::ZERO,
        max_lifetime: Duration::from_hours(1),
        format: TokenFormat::Portcullis,
    };
    let keys = VerificationKeys::from_jwks(&server.app.keyring.jwks()).expect("the keys are valid");
    Verifier::new(&config, keys, server.app.clock.clone())
}

/// The first verification of an access token: the signature and the claims.
#[divan::bench]
fn verify_new(bencher: Bencher<'_, '_>) {
    let server = Server::open();
    bencher.with_inputs(|| verifier(&server)).bench_local_refs(|verifier| {
        verifier.verify(black_box(&server.access_token)).expect("the token is valid")
    });
}

#[divan::bench]
fn verify_cached(bencher: Bencher<'_, '_>) {
    let server = Server::open();
    let verifier = verifier(&server);
    bencher.bench_local(|| verifier.verify(black_box(&server.access_token)).expect("the token is valid"));
}

#[divan::bench]
fn sign(bencher: Bencher<'_, '_>) {
    let server = Server::open();
    let claims = verifier(&server).verify(&server.access_token).expect("the token is valid");
    bencher.bench_local(|| server.app.keyring.sign(black_box(&claims)).expect("there is a key"));
}

/// The tokens of a refresh: decodes one and encodes its successor.
#[divan::bench]
fn refresh_codec(bencher: Bencher<'_, '_>) {
    let secret = "a master secret with at least thirty-two bytes".to_owned().into();
    let current = MasterSecret::new(&secret).expect("the secret is long enough");
    let codec = RefreshCodec::new(&MasterSecrets { current, secondary: None });
    let first = codec.new_chain(SessionId::generate(&Clock::system()), Generation(1));
    let token = codec.encode(&first);
    bencher.bench_local(|| {
        let decoded = codec.decode(black_box(&token)).expect("the token is genuine");
        codec.encode(&codec.successor(&decoded))
    });
}
