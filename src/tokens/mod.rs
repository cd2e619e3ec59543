//! Access and refresh tokens: their contents, signing and verification, and the signing keys.
//!
//! Invariants: a token is verified with the algorithm of the key that its `kid` names, and nothing else in its header
//! affects verification. A private key never leaves the keyring, and a shared secret is never published. A key is
//! published before it signs, and stays published until its last token has expired: `key_state.rs` has the states,
//! `rotate.rs` and `maintain.rs` the transitions. To add an algorithm, add an arm in `key.rs`.

mod caller;
mod claims;
#[cfg(feature = "server")]
mod cookie;
#[cfg(feature = "server")]
mod error;
mod header;
#[cfg(feature = "server")]
mod key;
#[cfg(feature = "server")]
mod key_state;
#[cfg(feature = "server")]
mod keyring;
#[cfg(feature = "server")]
mod maintain;
mod opaque;
mod payload;
#[cfg(feature = "server")]
mod refresh;
#[cfg(feature = "server")]
mod rotate;
mod status;
mod status_lists;
#[cfg(feature = "server")]
mod store;
mod verification_keys;
mod verifier;
mod verifier_config;

pub use jsonwebtoken::jwk::JwkSet;

#[cfg(feature = "server")]
pub(crate) use self::cookie::TokenCookie;
pub use self::{
    caller::{Caller, TokenError},
    claims::{Audience, Claims, ONE_FACTOR, Scopes, TWO_FACTORS, TokenAccount, TokenSource},
    status::{Status, StatusReference},
    status_lists::WhenUnavailable,
};
#[cfg(feature = "server")]
#[doc(hidden)]
pub use self::{
    error::KeyringError,
    key::{KeyError, SigningKey},
    key_state::{Activation, KeyInfo, KeyState, MAX_TOKEN_LIFETIME},
    keyring::{Keyring, RotationSchedule},
    refresh::{Generation, RefreshCodec, RefreshToken},
    rotate::KeyringTransaction,
};
pub(crate) use self::{
    opaque::OpaqueTokens,
    verifier::{IssuerDocument, Verification},
};
#[doc(hidden)]
pub use self::{
    payload::ClaimNames,
    status::{EncodedStatusList, StatusList, StatusListClaims, StatusListError},
    status_lists::StatusListTokenError,
    verification_keys::{JwkError, VerificationKeys},
    verifier::Verifier,
    verifier_config::{TokenFormat, VerifierConfig},
};
