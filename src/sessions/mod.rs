//! One sign-in on one device: opened, refreshed, listed, ended.
//!
//! Invariants: one row for a session's whole life; the row tells which refresh token counts, and only
//! that one rotates it; a rotation is repeated at most twice, within the grace period; ending a session voids its
//! access tokens everywhere at once.

mod error;
mod issue;
mod open;
mod refresh;
mod revoke;
mod store;

pub mod graphql;

use std::sync::Arc;

use sea_orm::DbErr;

pub use self::{
    error::RefreshError,
    issue::{SignedIn, TokenPair},
    open::OpenedSession,
};
use crate::{
    accounts::Accounts,
    audit::Audit,
    changes::ChangeFeed,
    clock::{Clock, Timestamp},
    config::Config,
    database::{Database, PageRequest},
    id::{SessionId, UserId},
    limits::RefreshLimit,
    tokens::{Keyring, RefreshCodec},
};

/// A sign-in that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The sign-in or the last refresh.
    pub last_used_at: Timestamp,
    /// When it is over unless it is refreshed before.
    pub expires_at: Timestamp,
    /// The User-Agent header of the last use.
    pub user_agent: Option<String>,
    /// The client's address at the last use.
    pub ip_address: Option<String>,
    /// The last repetition of a refresh. `None` if there was none.
    pub repeated: Option<Repeated>,
}

/// The last repetition of a refresh: a used refresh token came again within the grace period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The time of the repetition.
    pub at: Timestamp,
    /// The client's address.
    pub from: String,
}

/// The sessions of this server.
#[derive(Clone)]
pub struct Sessions {
    /// Where they are kept.
    pub(crate) database: Database,
    /// What time it is.
    pub(crate) clock: Clock,
    /// How long they live.
    pub(crate) config: Arc<Config>,
    /// Whose they are.
    pub(crate) accounts: Accounts,
    /// Who must hear that one has ended.
    pub(crate) feed: Arc<ChangeFeed>,
    /// Where that is written down.
    pub(crate) audit: Audit,
    /// What signs their access tokens.
    pub(crate) keyring: Arc<Keyring>,
    /// What writes their refresh tokens.
    pub(crate) codec: Arc<RefreshCodec>,
    /// How often they may be refreshed.
    pub(crate) refreshes: Arc<RefreshLimit>,
}

impl Sessions {
    /// The session of this id, unless it is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, id: SessionId) -> Result<Option<Session>, DbErr> {
        store::find(self.database.reader(), id, self.clock.now()).await
    }

    /// A page of an account's sessions that are not over, of which the newest come first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, user: UserId, page: &PageRequest<SessionId>) -> Result<Vec<Session>, DbErr> {
        store::list(self.database.reader(), user, self.clock.now(), page).await
    }

    /// How many sessions of an account are not over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, user: UserId) -> Result<u64, DbErr> {
        store::count(self.database.reader(), user, self.clock.now()).await
    }

    /// Deletes sessions that are over, at most `batch`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_expired(self.database.writer(), self.clock.now(), batch).await
    }
}
