//! Personal access tokens: opaque bearer tokens that a user creates for a program of their own.
//!
//! Invariants: the database has only the hash of a token; a token never has more scopes than its owner has at that
//! moment, no role and no session; no mutation that checks or sets a credential accepts one, so none creates another;
//! a revocation takes effect on every replica at once. Whatever ends all sessions of an account also revokes its
//! tokens.
//!
//! A caller with a token has ordinary [`Claims`](crate::tokens::Claims), whose
//! [`TokenSource`](crate::tokens::TokenSource) is the token. Fields about the session of the caller refuse them with
//! `SESSION_REQUIRED`.

mod authenticate;
mod cache;
mod create;
mod exchange;
mod revoke;
mod secret;
mod store;

pub mod graphql;

use std::{sync::Arc, time::Duration};

use sea_orm::DbErr;
use tokio_util::task::TaskTracker;

use self::cache::TokenCache;
pub use self::{
    create::{CreateTokenError, CreatedToken, NewToken},
    exchange::{ExchangeError, ExchangedToken},
};
use crate::{
    accounts::Accounts,
    audit::Audit,
    changes::{ChangeFeed, RevocationList},
    clock::{Clock, Timestamp},
    config::Config,
    database::{Database, PageRequest},
    id::{PersonalAccessTokenId, UserId},
    mail::Mail,
    tokens::{Keyring, Scopes},
};

/// The maximum number of active tokens of an account.
pub const MAX_TOKENS_PER_ACCOUNT: u64 = 50;

/// The time for which the row of a token is kept after the token has expired or was revoked. Until then, the token is
/// refused with the exact reason.
const KEPT_AFTER_END: Duration = Duration::from_hours(30 * 24);

/// An active personal access token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalAccessToken {
    /// The identifier.
    pub id: PersonalAccessTokenId,
    /// The owner.
    pub user: UserId,
    /// The name that the owner has given it.
    pub name: String,
    /// The scopes that the owner has given it. At each use, it has those of them that the owner has.
    pub scopes: Scopes,
    /// The first characters of the token.
    pub hint: String,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// The time of the last use, accurate to a minute. `None` if it was never used.
    pub last_used_at: Option<Timestamp>,
}

/// The service of personal access tokens.
#[derive(Clone)]
pub struct PersonalAccessTokens {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) config: Arc<Config>,
    pub(crate) accounts: Accounts,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) revocations: Arc<RevocationList>,
    pub(crate) audit: Audit,
    pub(crate) mail: Mail,
    pub(crate) keyring: Arc<Keyring>,
    /// Tracks the writes that record uses.
    pub(crate) tasks: TaskTracker,
    pub(crate) cache: Arc<TokenCache>,
}

impl PersonalAccessTokens {
    /// Finds an active token by its id.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: PersonalAccessTokenId) -> Result<Option<PersonalAccessToken>, DbErr> {
        store::find(self.database.reader(), id, self.clock.now()).await
    }

    /// Lists a page of the active tokens of an account, newest first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(
        &self,
        user: UserId,
        page: &PageRequest<PersonalAccessTokenId>,
    ) -> Result<Vec<PersonalAccessToken>, DbErr> {
        store::list(self.database.reader(), user, self.clock.now(), page).await
    }

    /// Counts the active tokens of an account.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count(&self, user: UserId) -> Result<u64, DbErr> {
        store::count(self.database.reader(), user, self.clock.now()).await
    }

    /// Deletes at most `batch` tokens that ended 30 days ago.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_ended(self.database.writer(), self.clock.now(), batch).await
    }
}
