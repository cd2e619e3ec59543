//! Passwords: policy, hashing and verification.
//!
//! User input becomes one of two types. [`PasswordAttempt`] is the password of a sign-in: it is only normalised and
//! limited in length, so that a password from before the current policy is still accepted. [`NewPassword`] has met
//! the [`Policy`], and only such a password can be stored. [`Hasher`] hashes a `NewPassword` to a PHC string, and
//! verifies a `PasswordAttempt` against one, on its own threads.
//!
//! Invariants:
//! - Text is normalised to NFKC before any other step (NIST SP 800-63B §5.1.1.2), because keyboards encode the same
//!   character differently.
//! - The work for any input is bounded: bytes before normalising, characters before scoring, cost before hashing, and
//!   jobs before queueing.
//! - An unknown user, a wrong password, a too long password and a damaged hash all cost one hash with the current cost.
//!   Only an intact hash with another cost takes another time, until the next sign-in replaces it.
//! - No network can keep others out of the queue. Jobs are taken round-robin by network, and when the queue is full,
//!   the network with the most jobs loses its newest job.
//! - Work of more than a millisecond never runs on an async thread.
//! - Text is wiped when it is dropped, and the hash memory as soon as its worker is idle. The copies that zxcvbn
//!   makes while it scores a new password are not wiped, because its interface does not permit it.
//!
//! To change it:
//! - Another cost: change the configuration. Old hashes still verify, and are replaced at the next sign-in.
//! - Another algorithm to verify (bcrypt, scrypt, PBKDF2): add an arm in `StoredHash::parse` and its code in
//!   `StoredHash::matches`. `is_current` must return `false` for it, so that such hashes are replaced.
//! - Another rule for new passwords: add it to `check_cheap_rules` in `policy.rs`, or to `score` if it is slow.

mod context;
mod cost;
mod hasher;
mod memory;
mod password;
mod policy;
mod pool;
mod queue;
mod stored;

pub use self::{
    context::PasswordContext,
    cost::{Argon2Cost, InvalidArgon2Cost},
    hasher::{HashError, Hasher, HasherStartError, VerificationResult},
    password::{MAX_CHARACTERS, NewPassword, PasswordAttempt},
    policy::{InvalidPolicy, PasswordRejected, Policy, PolicyViolation},
    stored::MalformedHash,
};
