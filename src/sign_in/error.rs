use std::time::Duration;

use sea_orm::DbErr;

use super::EmailChallenge;
use crate::{
    accounts::AccountError,
    graphql::UserError,
    hooks::HookError,
    passkeys::PasskeyError,
    passwords::{HashError, PasswordRejected, PolicyViolation},
    proofs::InvalidProof,
    second_factors::{FactorError, PendingSignIn},
    tokens::KeyringError,
};

/// Why a sign-in or a re-authentication failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The account does not exist, or the password is wrong.
    #[error("unknown user or wrong password")]
    InvalidCredentials,
    /// The password is correct, but the account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Too many attempts were made.
    #[error("too many attempts")]
    RateLimited {
        /// The time to wait before the next attempt.
        retry_after: Duration,
    },
    /// Registration is closed.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The user must verify an address first.
    #[error("the e-mail address is not verified")]
    EmailNotVerified(Option<Box<EmailChallenge>>),
    /// The first factor was proven, and a second one is missing.
    #[error("a second factor is missing")]
    SecondFactorRequired(Box<PendingSignIn>),
    /// The password is correct, but the account has a second factor, which must be proven instead.
    #[error("a second factor must be proven")]
    StrongerProofRequired,
    /// The second factor is not proven.
    #[error(transparent)]
    SecondFactor(#[from] FactorError),
    /// The server sends no e-mail, or does not offer this by e-mail.
    #[error("{0}")]
    NotOffered(&'static str),
    /// The account has no address to verify.
    #[error("there is no address to verify")]
    NothingToVerify,
    /// The link or the code proves nothing.
    #[error(transparent)]
    Proof(#[from] InvalidProof),
    /// The passkey proves nothing.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// The session of the caller has ended.
    #[error("the session has ended")]
    SessionOver,
    /// The new password violates the policy.
    #[error(transparent)]
    Password(#[from] PolicyViolation),
    /// The account cannot be created or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A hook of the application refused the registration.
    #[error("the application refused the registration: {}", .0.message)]
    Refused(UserError),
    /// A hook of the application did not succeed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<PasswordRejected> for SignInError {
    fn from(rejected: PasswordRejected) -> Self {
        match rejected {
            PasswordRejected::Policy(violation) => Self::Password(violation),
            PasswordRejected::Hasher(error) => Self::Hash(error),
        }
    }
}
