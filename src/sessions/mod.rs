//! Sessions. A session is one sign-in on one device.
//!
//! Invariants: a session is one row for its whole life; the row identifies the current refresh token, and
//! only that token rotates it; a rotation is repeated at most twice, within the grace period; ending a
//! session revokes its access tokens on every replica at once.

mod authentication;
mod error;
mod issue;
mod open;
mod refresh;
mod revoke;
mod status;
mod store;

pub mod graphql;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};

pub(crate) use self::authentication::has_two_factors;
pub use self::{
    authentication::{Authentication, AuthenticationMethod},
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
    personal_access_tokens::PersonalAccessTokens,
    status_lists::StatusLists,
    tokens::{Keyring, RefreshCodec},
    trusted_devices::TrustedDevices,
};

/// An active session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The identifier.
    pub id: SessionId,
    /// The account that signed in.
    pub user: UserId,
    /// The time of the sign-in.
    pub created_at: Timestamp,
    /// The time of the last refresh, or otherwise of the sign-in.
    pub last_used_at: Timestamp,
    /// The time at which the session expires unless it is refreshed before.
    pub expires_at: Timestamp,
    /// The User-Agent header of the last sign-in or refresh.
    pub user_agent: Option<String>,
    /// The client's address at the last sign-in or refresh.
    pub ip_address: Option<String>,
    /// The last repetition of a refresh. `None` if there was none.
    pub repeated: Option<Repeated>,
    /// When and how the user last proved who they are.
    pub authentication: Authentication,
}

/// The last repetition of a refresh: a used refresh token came again within the grace period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The time of the repetition.
    pub at: Timestamp,
    /// The client's address.
    pub from: String,
}

/// The session service.
#[derive(Clone)]
pub struct Sessions {
    /// The database.
    pub(crate) database: Database,
    /// The clock.
    pub(crate) clock: Clock,
    /// The configuration, which sets their lifetimes.
    pub(crate) config: Arc<Config>,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The change feed, which announces ended sessions.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The signing keys of access tokens.
    pub(crate) keyring: Arc<Keyring>,
    /// The codec of refresh tokens.
    pub(crate) codec: Arc<RefreshCodec>,
    /// The status lists, in which each session has an index. `None` if they are off.
    pub(crate) status_lists: Option<Arc<StatusLists>>,
    /// The personal access tokens, which end with all sessions of their owner.
    pub(crate) personal_access_tokens: Arc<PersonalAccessTokens>,
    /// The trusted devices, which end with all other sessions of their user.
    pub(crate) trusted_devices: Arc<TrustedDevices>,
    /// The rate limit of refreshes.
    pub(crate) refreshes: Arc<RefreshLimit>,
}

impl Sessions {
    /// Finds an active session by its id.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: SessionId) -> Result<Option<Session>, DbErr> {
        store::find(self.database.reader(), id, self.clock.now()).await
    }

    /// Lists a page of the active sessions of an account, newest first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(&self, user: UserId, page: &PageRequest<SessionId>) -> Result<Vec<Session>, DbErr> {
        store::list(self.database.reader(), user, self.clock.now(), page).await
    }

    /// Reads the newest sessions of an account in a transaction, at most `max`. They may have ended, but are younger than
    /// `tokens.refresh_ttl`.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn recent(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        max: u64,
    ) -> Result<Vec<Session>, DbErr> {
        store::recent(transaction, user, max).await
    }

    /// Counts the active sessions of an account.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count(&self, user: UserId) -> Result<u64, DbErr> {
        store::count(self.database.reader(), user, self.clock.now()).await
    }

    /// Deletes at most `batch` expired sessions.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_expired(self.database.writer(), self.clock.now(), batch).await
    }
}
