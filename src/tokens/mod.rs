//! Access and refresh tokens: what they say, how they are made, and whether one is to be believed.
//!
//! Invariants: the algorithm of a token is the algorithm of the key that its `kid` names; nothing
//! else in a token's header chooses how it is verified; a private key never leaves the keyring, and a shared
//! secret is never published. A key is published before it signs, and after that until its last token has
//! expired: `life.rs` has the states, `rotate.rs` and `tend.rs` the ways between them. A further algorithm is an arm in
//! `key.rs`.

mod caller;
mod claims;
#[cfg(feature = "server")]
mod error;
#[cfg(feature = "server")]
mod key;
#[cfg(feature = "server")]
mod keyring;
mod known_keys;
#[cfg(feature = "server")]
mod life;
#[cfg(feature = "server")]
mod refresh;
#[cfg(feature = "server")]
mod rotate;
#[cfg(feature = "server")]
mod store;
#[cfg(feature = "server")]
mod tend;
mod verifier;

pub use self::{
    caller::{Caller, TokenError},
    claims::{Claims, Scopes},
    known_keys::{KnownKeys, VerifierError},
    verifier::{Expected, Verifier},
};
#[cfg(feature = "server")]
pub use self::{
    error::KeyringError,
    key::{KeyError, SigningKey},
    keyring::{Keyring, Schedule},
    life::{KeyInfo, KeyState, LONGEST_TOKEN_LIFE, Start},
    refresh::{Generation, RefreshCodec, RefreshToken},
    rotate::Locked,
};
