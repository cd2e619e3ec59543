//! Every way in, and whatever asks for the password again.
//!
//! Invariants: each try of a password is counted before it is checked; whether an account exists can be
//! read neither from the answer nor from its time. A further way in is a file here that ends in
//! `SignIn::complete_sign_in`.

mod change_password;
mod check;
mod complete;
mod delete_account;
mod error;
mod password;
mod register;

pub mod graphql;

use std::sync::Arc;

pub use self::{error::SignInError, password::LoginRequest, register::Registration};
use crate::{
    accounts::Accounts,
    audit::Audit,
    changes::ChangeFeed,
    config::Config,
    limits::Throttle,
    passwords::{Hasher, Policy},
    sessions::Sessions,
};

/// What signing in takes.
#[derive(Clone)]
pub struct SignIn {
    /// Who exists.
    pub(crate) accounts: Accounts,
    /// What is opened.
    pub(crate) sessions: Sessions,
    /// What compares passwords.
    pub(crate) hasher: Hasher,
    /// What a new password must be like.
    pub(crate) policy: Policy,
    /// How often one may try.
    pub(crate) throttle: Throttle,
    /// Where it is written down.
    pub(crate) audit: Audit,
    /// Who must hear of changes.
    pub(crate) feed: Arc<ChangeFeed>,
    /// Whether anybody may register.
    pub(crate) config: Arc<Config>,
}
