//! Privileged operations, which administrators run through GraphQL and operators on the command line.
//!
//! Invariant: an operation on accounts begins its transaction with `Admin::authorize`, which locks the rows of the
//! actor and of the account, and checks on them that the actor may do this. An operation on keys or sessions checks
//! the actor on its locked row as well (`Accounts::lock_actor`). The guard of the field has checked the scope.

mod authorize;
mod create_user;
mod delete_user;
mod error;
mod import_users;
mod invite_user;
mod keys;
mod reset_second_factors;
mod step_up;
mod update_user;

pub mod graphql;

use std::sync::Arc;

pub use self::{
    create_user::NewUser, error::AdminError, import_users::ImportOutcome, invite_user::Invitation,
    update_user::UserUpdate,
};
use crate::{
    accounts::Accounts,
    audit::{Actor, Audit},
    changes::ChangeFeed,
    config::Config,
    database::Database,
    id::{SessionId, UserId},
    limits::{Throttle, account_key},
    mail::Mail,
    passwords::{Hasher, Policy},
    proofs::Proofs,
    second_factors::SecondFactors,
    sessions::{Session, Sessions},
    tokens::Keyring,
};

/// The service for privileged operations.
#[derive(Clone)]
pub struct Admin {
    /// The database, for transactions.
    pub(crate) database: Database,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The session service.
    pub(crate) sessions: Sessions,
    /// The password hasher.
    pub(crate) hasher: Hasher,
    /// The policy for new passwords.
    pub(crate) policy: Policy,
    /// The throttle for passwords.
    pub(crate) throttle: Throttle,
    /// The proofs of e-mail addresses.
    pub(crate) proofs: Proofs,
    /// The second factors.
    pub(crate) second_factors: SecondFactors,
    /// The outbox.
    pub(crate) mail: Mail,
    /// The change feed.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The signing keys.
    pub(crate) keyring: Arc<Keyring>,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The configuration, which requires a recent login.
    pub(crate) config: Arc<Config>,
}

impl Admin {
    /// The hasher, whose jobs are queued on behalf of the actor.
    fn hasher_for(&self, actor: Actor<'_>) -> Hasher {
        match (actor.client(), actor.user()) {
            (Some(client), Some(user)) => self.hasher.on_behalf_of(client.address, &account_key(user)),
            _ => self.hasher.clone(),
        }
    }

    /// Revokes a session. Returns `None` if it had already ended.
    ///
    /// # Errors
    /// If the actor may no longer act, or a database query fails.
    pub async fn revoke_session(
        &self,
        id: SessionId,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, AdminError> {
        Ok(self.sessions.revoke_for(id, actor).await?)
    }

    /// Revokes all sessions of an account and returns their number. It does not compare the scopes of the
    /// account with those of the actor, because revoking a session grants the actor no privilege.
    ///
    /// # Errors
    /// If the account does not exist, the actor may no longer act, or a database query fails.
    pub async fn revoke_user_sessions(&self, user: UserId, actor: Actor<'_>) -> Result<usize, AdminError> {
        Ok(self.sessions.revoke_all(user, None, actor).await?)
    }
}
