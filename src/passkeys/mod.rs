//! Passkeys: credentials of WebAuthn with which users sign in without a password.
//!
//! Invariants: a passkey can be found without a username and counts as two factors, because the authenticator
//! verifies the user; a challenge is used once, for one purpose and one account; the RP ID and the origins come from
//! the configuration, never from a request; unknown passkeys and wrong signatures get the same response.

mod authenticate;
mod challenge;
mod error;
mod manage;
mod models;
mod options;
mod register;
mod store;

pub mod graphql;
pub mod webauthn;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use secrecy::SecretString;
use serde_json::Value as Json;

use self::webauthn::RelyingParty;
pub use self::{
    authenticate::VerifiedPasskey,
    challenge::{Challenge, Challenges, Purpose},
    error::PasskeyError,
    manage::PasskeyName,
    register::NewPasskey,
};
use crate::{
    accounts::Accounts,
    audit::Audit,
    clock::{Clock, Timestamp},
    config::Config,
    database::{Database, PageRequest},
    id::{PasskeyId, UserId},
};

/// The maximum number of passkeys of an account.
pub const MAX_PASSKEYS: u64 = 20;

/// A passkey of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The identifier.
    pub id: PasskeyId,
    /// The account that it signs in to.
    pub user: UserId,
    /// The name, which its user can change.
    pub name: String,
    /// The model of the authenticator. `None` if it is hidden or unknown.
    pub authenticator: Option<&'static str>,
    /// Whether the passkey can be on several devices.
    pub backup_eligible: bool,
    /// Whether a copy of the passkey exists.
    pub backed_up: bool,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last use. `None` if it was never used.
    pub last_used_at: Option<Timestamp>,
}

/// A challenge to an authenticator, with the options for the browser.
#[derive(Clone, Debug)]
pub struct StartedCeremony {
    /// The token that the client sends together with the response of the authenticator.
    pub token: SecretString,
    /// The time at which the challenge expires.
    pub expires_at: Timestamp,
    /// The options, as JSON (WebAuthn Level 3 §5.1.8 and §5.1.9).
    pub options: Json,
}

/// The passkey service. Clones share the services that it uses.
#[derive(Clone)]
pub struct Passkeys(Arc<PasskeyServices>);

/// The services that the passkey service uses.
pub(crate) struct PasskeyServices {
    /// The database.
    pub(crate) database: Database,
    /// The clock.
    pub(crate) clock: Clock,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The challenges.
    pub(crate) challenges: Challenges,
    /// The site of the passkeys. `None` if the server offers none.
    pub(crate) relying_party: Option<RelyingParty>,
}

impl Passkeys {
    /// Creates the service.
    #[must_use]
    pub(crate) fn new(services: PasskeyServices) -> Self {
        Self(Arc::new(services))
    }

    /// The site of the passkeys that the configuration describes.
    pub(crate) fn relying_party_of(config: &Config) -> Option<RelyingParty> {
        let id = config.passkey_rp_id()?;
        Some(RelyingParty { id, origins: config.passkey_origins() })
    }

    /// Whether the server offers passkeys.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.0.relying_party.is_some()
    }

    /// Verifies the token of a challenge. `None` unless it was issued for this purpose and this account, and has not
    /// expired.
    #[must_use]
    pub fn challenge(
        &self,
        purpose: Purpose,
        user: Option<UserId>,
        token: &SecretString,
    ) -> Option<Challenge> {
        self.0.challenges.verify(purpose, user, token)
    }

    /// Finds a passkey by its id.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: PasskeyId) -> Result<Option<Passkey>, DbErr> {
        store::find(self.0.database.reader(), id).await
    }

    /// Lists a page of the passkeys of an account, newest first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(&self, user: UserId, page: &PageRequest<PasskeyId>) -> Result<Vec<Passkey>, DbErr> {
        store::list(self.0.database.reader(), user, page).await
    }

    /// Counts the passkeys of an account.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count(&self, user: UserId) -> Result<u64, DbErr> {
        store::count(self.0.database.reader(), user).await
    }

    /// Whether an account has a passkey that it can use at this server, in a transaction.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn has_any(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
        let Some(relying_party) = &self.0.relying_party else { return Ok(false) };
        Ok(!store::credentials_of(transaction, user, &relying_party.id).await?.is_empty())
    }

    /// Deletes used challenges that have expired, at most `batch`. Returns their number.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_expired(self.0.database.writer(), self.0.clock.now(), batch).await
    }

    fn offered(&self) -> Result<&RelyingParty, PasskeyError> {
        self.0.relying_party.as_ref().ok_or(PasskeyError::NotOffered)
    }
}
