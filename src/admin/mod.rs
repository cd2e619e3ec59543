//! Every privileged operation: what administrators do through GraphQL, and operators on the command line.
//!
//! Invariant: an operation on accounts begins its transaction with `Admin::authorize`, which locks the rows of the
//! actor and of the account, and checks on them that the actor may do this. An operation on keys or sessions checks
//! the actor on its locked row as well (`Accounts::lock_actor`). The guard of the field has checked the scope.

mod authorize;
mod create_user;
mod delete_user;
mod error;
mod keys;
mod update_user;

pub mod graphql;

use std::sync::Arc;

pub use self::{create_user::NewUser, error::AdminError, update_user::UserUpdate};
use crate::{
    accounts::Accounts,
    audit::{Actor, Audit},
    changes::ChangeFeed,
    id::{SessionId, UserId},
    limits::{Throttle, account_key},
    passwords::{Hasher, Policy},
    sessions::{Session, Sessions},
    tokens::Keyring,
};

/// What administration takes.
#[derive(Clone)]
pub struct Admin {
    /// Who exists.
    pub(crate) accounts: Accounts,
    /// What is open.
    pub(crate) sessions: Sessions,
    /// What hashes passwords.
    pub(crate) hasher: Hasher,
    /// What a new password must be like.
    pub(crate) policy: Policy,
    /// How often a password may be tried.
    pub(crate) throttle: Throttle,
    /// Who must hear of changes.
    pub(crate) feed: Arc<ChangeFeed>,
    /// What signs access tokens.
    pub(crate) keyring: Arc<Keyring>,
    /// Where it is written down.
    pub(crate) audit: Audit,
}

impl Admin {
    /// The hasher, whose jobs wait as those of the actor.
    fn hasher_for(&self, actor: Actor<'_>) -> Hasher {
        match (actor.client(), actor.user()) {
            (Some(client), Some(user)) => self.hasher.on_behalf_of(client.address, &account_key(user)),
            _ => self.hasher.clone(),
        }
    }

    /// Ends a session. `None` when it was over already.
    ///
    /// # Errors
    /// When the actor may no longer act, or the database does not answer.
    pub async fn revoke_session(
        &self,
        id: SessionId,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, AdminError> {
        Ok(self.sessions.revoke_for(id, actor).await?)
    }

    /// Ends all sessions of an account and says how many there were. The scope is enough, however much the account
    /// may do: ending a session gives nobody any power.
    ///
    /// # Errors
    /// When there is no such account, the actor may no longer act, or the database does not answer.
    pub async fn revoke_user_sessions(&self, user: UserId, actor: Actor<'_>) -> Result<usize, AdminError> {
        Ok(self.sessions.revoke_all(user, None, actor).await?)
    }
}
