//! What happened: security events, written in the transaction that they describe, never changed, and
//! forgotten when `audit.retention` is over.
//!
//! Each event is a line of the program's log, too, under the target `portcullis::audit`. It is written while the
//! transaction is open: after a fault there may be a line without an event, but no event without its line.
//!
//! Each event has a place in the order in which they were written, by which `live.rs` follows them: one reader for
//! the whole process, no event twice, and none left out.
//!
//! A new kind of event is a variant of [`AuditAction`], and a call of [`Audit::record`] where it happens.

mod live;
mod store;

pub mod graphql;

use std::{sync::Arc, time::Duration};

use async_graphql::{Context, Enum, resolver_utils::EnumType};
use sea_orm::{ConnectionTrait, DbErr};

use self::live::Broadcaster;
pub use self::{live::SubscribeError, store::EventFilter};
use crate::{
    changes::ChangeFeed,
    client::ClientInfo,
    clock::{Clock, Timestamp},
    database::{Database, PageRequest},
    graphql::{TokenCheck, initial_claims},
    id::{EventId, SessionId, UserId},
    tokens::Claims,
};

/// The kinds of events in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AuditAction {
    /// A user registered an account.
    UserRegistered,
    /// An administrator created an account.
    UserCreated,
    /// The display name or the e-mail address of an account changed.
    UserUpdated,
    /// An account was disabled, so that it cannot sign in.
    UserDisabled,
    /// A disabled account was enabled again.
    UserEnabled,
    /// An account was deleted.
    UserDeleted,
    /// A user signed in to an account.
    LoginSucceeded,
    /// A sign-in failed: unknown account, wrong password or disabled account.
    LoginFailed,
    /// A sign-in was rejected because of too many earlier attempts.
    LoginThrottled,
    /// A user signed out of a session.
    Logout,
    /// The password of an account was changed by its owner or an administrator.
    PasswordChanged,
    /// The roles of an account changed.
    RolesChanged,
    /// A session was revoked by its owner, by an administrator, or by a change of the password.
    SessionRevoked,
    /// A used refresh token was accepted again within the grace period, from another IP address than before.
    RefreshTokenRepeated,
    /// A used refresh token was presented again, so its session was revoked.
    RefreshTokenReused,
    /// The signing keys of access tokens changed: a key was created, imported or retired.
    KeysRotated,
    /// A signing key was revoked, together with all tokens that it had signed.
    KeyRevoked,
}

impl AuditAction {
    /// The name, in the schema and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::items().iter().find(|item| item.value == self).map_or("", |item| item.name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::items().iter().find(|item| item.name == name).map(|item| item.value)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Its name. Sorts by the clock of the replica that wrote it; the order of writing is the position's.
    pub id: EventId,
    /// What happened.
    pub action: AuditAction,
    /// When.
    pub at: Timestamp,
    /// Who did it, where somebody was signed in.
    pub actor: Option<UserId>,
    /// Whose account it concerns.
    pub user: Option<UserId>,
    /// The session that it concerns.
    pub session: Option<SessionId>,
    /// The client's address.
    pub ip_address: Option<String>,
    /// The client's User-Agent header.
    pub user_agent: Option<String>,
}

/// Something that is happening.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// What.
    pub action: AuditAction,
    /// Whose account it concerns.
    pub user: Option<UserId>,
    /// The session that it concerns.
    pub session: Option<SessionId>,
    /// Who does it.
    pub actor: Actor<'a>,
}

/// Who does something.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// The server itself, or an operator at its command line.
    Server,
    /// A client that has just signed in, or that is anonymous.
    Client {
        /// The address and the program of the client.
        client: &'a ClientInfo,
        /// The account that has signed in.
        user: Option<UserId>,
    },
    /// The bearer of an access token.
    Bearer {
        /// The address and the program of the client.
        client: &'a ClientInfo,
        /// The claims of the token, which was valid when the request began.
        claims: &'a Claims,
        /// Checks the token once more.
        token: Option<&'a TokenCheck>,
    },
}

impl<'a> Actor<'a> {
    /// The sender of the request that a resolver answers. Its token may have been revoked since the request began:
    /// a transaction that writes for it checks that.
    ///
    /// # Panics
    /// Where no [`ClientInfo`] is in the context; the router puts one there.
    #[must_use]
    pub fn of(ctx: &'a Context<'_>) -> Self {
        let client = ctx.data_unchecked::<ClientInfo>();
        match initial_claims(ctx) {
            Some(claims) => Self::Bearer { client, claims, token: ctx.data_opt::<TokenCheck>() },
            None => Self::anonymous(client),
        }
    }

    /// Nobody that is signed in, at a client.
    #[must_use]
    pub const fn anonymous(client: &'a ClientInfo) -> Self {
        Self::Client { client, user: None }
    }

    /// The account that is signed in.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::Server => None,
            Self::Client { user, .. } => *user,
            Self::Bearer { claims, .. } => Some(claims.sub),
        }
    }

    /// From where; nowhere for the server itself.
    #[must_use]
    pub const fn client(&self) -> Option<&'a ClientInfo> {
        match self {
            Self::Server => None,
            Self::Client { client, .. } | Self::Bearer { client, .. } => Some(client),
        }
    }
}

/// The audit log.
#[derive(Clone)]
pub struct Audit {
    database: Database,
    feed: Arc<ChangeFeed>,
    broadcaster: Arc<Broadcaster>,
    clock: Clock,
    retention: Option<Duration>,
}

impl Audit {
    /// The log of this database; without a retention, events are kept for ever.
    #[must_use]
    pub fn new(database: Database, feed: Arc<ChangeFeed>, retention: Option<Duration>, clock: Clock) -> Self {
        Self { database, feed, broadcaster: Arc::default(), clock, retention }
    }

    /// Writes an event in the transaction that makes it true. [`ChangeFeed::commit`] then tells those who follow.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewEvent<'_>,
    ) -> Result<AuditEvent, DbErr> {
        let client = new.actor.client();
        let event = AuditEvent {
            id: EventId::generate(&self.clock),
            action: new.action,
            at: self.clock.now(),
            actor: new.actor.user(),
            user: new.user,
            session: new.session,
            ip_address: client.map(|client| client.address.to_string()),
            user_agent: client.and_then(|client| client.user_agent.clone()),
        };
        store::insert(transaction, &event).await?;
        tracing::info!(
            target: "portcullis::audit",
            id = %event.id,
            action = event.action.name(),
            user = event.user.map(tracing::field::display),
            actor = event.actor.map(tracing::field::display),
            session = event.session.map(tracing::field::display),
            address = event.ip_address,
            agent = event.user_agent,
            "audit"
        );
        Ok(event)
    }

    /// Writes an event that no transaction belongs to, such as a failed sign-in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record_standalone(&self, new: NewEvent<'_>) -> Result<AuditEvent, DbErr> {
        let transaction = self.database.begin().await?;
        let event = self.record(&transaction, new).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(event)
    }

    /// The event of this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, id: EventId) -> Result<Option<AuditEvent>, DbErr> {
        store::find(self.database.reader(), id).await
    }

    /// A page of the events, of which the newest come first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(
        &self,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Vec<AuditEvent>, DbErr> {
        store::list(self.database.reader(), filter, page).await
    }

    /// Forgets events whose time is over, at most `batch`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        match self.retention {
            Some(retention) => {
                store::delete_before(self.database.writer(), self.clock.now() - retention, batch).await
            }
            None => Ok(0),
        }
    }
}
