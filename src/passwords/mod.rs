//! Passwords: which are good enough, how they are hashed, and how one is checked.
//!
//! A person's text comes in by one of two doors. [`PasswordAttempt`] is what somebody types to sign in:
//! it is only normalised and bounded, so that a password from before the present policy still opens
//! its account. [`NewPassword`] is a new one that has met the [`Policy`]; nothing else can be stored.
//! [`Hasher`] turns a `NewPassword` into a PHC string and compares a `PasswordAttempt` with one, on threads
//! of its own.
//!
//! # Invariants
//! - Text is NFKC before anything looks at it (NIST SP 800-63B §5.1.1.2), so the same password from
//!   another keyboard is the same password.
//! - No input makes us do unbounded work: bytes are bounded before normalising, characters before
//!   scoring, costs before hashing, jobs before queueing.
//! - An unknown user, a wrong password, an over-long one and a damaged hash all cost one hash with
//!   the current cost. Only a sound stored hash with another cost takes another time, until the
//!   next sign-in replaces it.
//! - No network keeps others out of the queue: networks take turns, and when it is full, the one with
//!   the most jobs in it loses its newest.
//! - Nothing that takes over a millisecond runs on an async thread.
//! - Text is wiped when it is dropped, and the hashing memory as soon as its worker has nothing to
//!   do. What zxcvbn copies for itself while it scores a new password is not wiped: it gives us no
//!   way.
//!
//! # To change it
//! - Another cost: change the configuration. Old hashes verify and ask to be replaced by
//!   themselves.
//! - Another algorithm to verify (bcrypt, scrypt, PBKDF2): an arm in `StoredHash::parse` and what
//!   it needs in `StoredHash::matches`; `is_current` must be false for it, so that it gets
//!   replaced.
//! - Another rule for new passwords: [`Policy::validate`]; put it in `admit` if it is cheap, in
//!   `weigh` if it is not.

mod context;
mod cost;
mod hasher;
mod memory;
mod password;
mod policy;
mod pool;
mod queue;
mod stored;

pub use context::PasswordContext;
pub use cost::{Argon2Cost, InvalidArgon2Cost};
pub use hasher::{HashError, Hasher, HasherStartError, VerificationResult};
pub use password::{MAX_CHARACTERS, NewPassword, PasswordAttempt};
pub use policy::{InvalidPolicy, PasswordRejected, Policy, PolicyViolation};
pub use stored::MalformedHash;
