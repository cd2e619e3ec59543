//! Access and refresh tokens: what they say, how they are made, and whether one is to be believed.
//!
//! Invariants: the algorithm of a token is the algorithm of the key that its `kid` names; nothing
//! else in a token's header chooses how it is verified; a private key never leaves the keyring.
//! With a further algorithm, [`keyring`](self) makes its keys and [`Verifier`] needs no change.

mod caller;
mod claims;
#[cfg(feature = "server")]
mod key;
#[cfg(feature = "server")]
mod keyring;
#[cfg(feature = "server")]
mod refresh;
#[cfg(feature = "server")]
mod store;
mod verifier;

pub use self::{
    caller::{Caller, Rejection},
    claims::{Claims, Scopes},
    verifier::{Expected, PublicKeys, Verifier, VerifierError},
};
#[cfg(feature = "server")]
pub use self::{
    key::{KeyError, SigningKey},
    keyring::{KeyState, Keyring, KeyringError, PublishedKey},
    refresh::{Generation, RefreshCodec, RefreshToken},
};
