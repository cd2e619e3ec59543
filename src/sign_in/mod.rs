//! Every way to sign in, and every operation that requires re-authentication by password.
//!
//! Invariants: each password attempt is counted before it is checked; neither the response nor its time
//! reveals whether an account exists. A new way to sign in is a file here that ends in
//! `SignIn::complete_sign_in`.

mod change_password;
mod check;
mod complete;
mod delete_account;
mod email_login;
mod error;
mod factor;
mod invitation;
mod new_device;
mod passkey;
mod password;
mod proof;
mod reauthenticate;
mod register;
mod request_email;
mod reset_password;
mod second_factor;
mod undo_email_change;
mod verify_email;

pub mod graphql;

use std::sync::Arc;

pub use self::{
    error::SignInError,
    factor::FactorProof,
    invitation::Acceptance,
    password::LoginRequest,
    proof::EmailProof,
    reauthenticate::{Reauthentication, StartedReauthentication},
    register::{FirstCredential, Registered, Registration},
    request_email::{EmailChallenge, EmailRequest},
    second_factor::{SecondStep, TrustDevice},
};
use crate::{
    accounts::Accounts,
    audit::Audit,
    changes::ChangeFeed,
    config::Config,
    database::Database,
    limits::Throttle,
    mail::Mail,
    passkeys::Passkeys,
    passwords::{Hasher, Policy},
    proofs::Proofs,
    second_factors::SecondFactors,
    sessions::Sessions,
};

/// The sign-in service.
#[derive(Clone)]
pub struct SignIn {
    /// The database, for transactions.
    pub(crate) database: Database,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The session service.
    pub(crate) sessions: Sessions,
    /// The passkeys.
    pub(crate) passkeys: Passkeys,
    /// The password hasher.
    pub(crate) hasher: Hasher,
    /// The policy for new passwords.
    pub(crate) policy: Policy,
    /// The throttle for passwords and registration.
    pub(crate) throttle: Throttle,
    /// The proofs of e-mail addresses.
    pub(crate) proofs: Proofs,
    /// The second factors.
    pub(crate) second_factors: SecondFactors,
    /// The outbox.
    pub(crate) mail: Mail,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The change feed.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The configuration, which opens or closes registration.
    pub(crate) config: Arc<Config>,
}
