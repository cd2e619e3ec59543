//! Passwords: policy, hashing and verification.
//!
//! User input becomes one of two types. [`PasswordAttempt`] is the password of a sign-in: it is only normalised and
//! limited in length, so that a password from before the current policy is still accepted. [`NewPassword`] has met
//! the [`Policy`], or is imported, and only such a password can be stored. [`Hasher`] hashes a `NewPassword` to a PHC
//! string, and verifies a `PasswordAttempt` against a stored hash, on its own threads. An [`ImportedHash`] is a hash of
//! another system.
//!
//! Invariants:
//! - Text is normalised to NFKC before any other step (NIST SP 800-63B §5.1.1.2), because keyboards encode the same
//!   character differently.
//! - The work for any input is bounded: bytes before normalising, characters before scoring, cost before hashing, and
//!   jobs before queueing.
//! - An unknown user, a wrong password, a too long password and a damaged hash all cost one hash with the current cost.
//!   Only an intact hash with another cost or of another system takes another time, until the next sign-in replaces it.
//! - All hashes together take at most the memory of the workers and `passwords.imported_memory_kib`.
//! - No network can keep others out of the queue. Jobs are taken round-robin by network, and when the queue is full,
//!   the network with the most jobs loses its newest job.
//! - Work of more than a millisecond never runs on an async thread.
//! - Text is wiped when it is dropped, and the hash memory as soon as its worker is idle. The copies that zxcvbn
//!   makes while it scores a new password are not wiped, because its interface does not permit it.
//!
//! To change it:
//! - Another cost: change the configuration. Old hashes still verify, and are replaced at the next sign-in.
//! - Another algorithm to verify: add a file to `foreign` and a variant to `ForeignHash`. Bound its cost when it is
//!   parsed, and return all its memory from `memory_kib`.
//! - Another rule for new passwords: add it to `check_cheap_rules` in `policy.rs`, or to `score` if it is slow.

mod argon2_hash;
mod bounds;
mod context;
mod cost;
mod foreign;
mod hasher;
mod imported;
mod memory;
mod password;
mod policy;
mod pool;
mod queue;
mod stored;

pub use self::{
    bounds::HashBounds,
    context::PasswordContext,
    cost::{Argon2Cost, InvalidArgon2Cost},
    foreign::FirebaseParameters,
    hasher::{HashError, Hasher, HasherStartError, VerificationResult},
    imported::{ImportedHash, ImportedPassword},
    password::{MAX_CHARACTERS, NewPassword, PasswordAttempt},
    policy::{InvalidPolicy, PasswordRejected, Policy, PolicyViolation},
    stored::MalformedHash,
};
