//! The audit log: security events, written in the transaction that they describe, never changed, and deleted
//! after `audit.retention`.
//!
//! Each event is also a line of the program's log, under the target `portcullis::audit`. The line is written
//! while the transaction is open: after a crash there may be a line without an event, but no event without
//! its line.
//!
//! Each event has a position in the order of writing, by which `live.rs` delivers events to subscribers: one
//! reader for the whole process, no duplicates, no gaps.
//!
//! To add a kind of event, add a variant to [`AuditAction`] and call [`Audit::record`] where it occurs.

mod actor;
mod event;
mod live;
mod store;

#[doc(hidden)]
pub mod graphql;

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use sea_orm::{ConnectionTrait, DbErr};

pub use self::event::{AuditAction, AuditEvent};
use self::live::Broadcaster;
#[doc(hidden)]
pub use self::{actor::Actor, live::SubscribeError, store::EventFilter};
use crate::{
    changes::ChangeFeed,
    clock::Clock,
    database::{Database, PageRequest},
    id::{EventId, SessionId, UserId},
};

/// An event to record.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// The kind of event.
    pub action: AuditAction,
    /// The account affected.
    pub user: Option<UserId>,
    /// The session affected.
    pub session: Option<SessionId>,
    /// The actor.
    pub actor: Actor<'a>,
}

/// The audit log.
#[doc(hidden)]
#[derive(Clone)]
pub struct Audit {
    database: Database,
    feed: Arc<ChangeFeed>,
    broadcaster: Arc<Broadcaster>,
    clock: Clock,
    retention: Option<Duration>,
    /// The events that this process has recorded and not handled yet. `None` if it does not handle events.
    own: Option<Arc<Cache<EventId, ()>>>,
}

/// The maximum number of recorded events that wait to be handled.
const MAX_OWN_EVENTS: u64 = 100_000;

/// The time after which an event is not handled any more, because its transaction was rolled back.
const OWN_EVENT_TTL: Duration = Duration::from_mins(10);

impl Audit {
    /// Creates the service for this database. Without a retention, events are kept for ever.
    #[must_use]
    pub fn new(database: Database, feed: Arc<ChangeFeed>, retention: Option<Duration>, clock: Clock) -> Self {
        Self { database, feed, broadcaster: Arc::default(), clock, retention, own: None }
    }

    /// The service of a process that handles the events that it records itself.
    #[must_use]
    pub(crate) fn handling_own_events(self) -> Self {
        let own = Cache::builder().max_capacity(MAX_OWN_EVENTS).time_to_live(OWN_EVENT_TTL).build();
        Self { own: Some(Arc::new(own)), ..self }
    }

    /// Whether this process has recorded the event. The first call for an event returns true, and later ones false.
    pub(crate) fn take_own(&self, id: EventId) -> bool {
        self.own.as_ref().is_some_and(|own| own.remove(&id).is_some())
    }

    /// Records an event in the transaction that it describes. [`ChangeFeed::commit`] then notifies the
    /// subscribers.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn record(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewEvent<'_>,
    ) -> Result<AuditEvent, DbErr> {
        let event = self.event(new);
        store::insert(transaction, std::slice::from_ref(&event)).await?;
        self.recorded(&event);
        Ok(event)
    }

    /// Records many events in the transaction that they describe, such as an import.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn record_all(
        &self,
        transaction: &impl ConnectionTrait,
        new: impl IntoIterator<Item = NewEvent<'_>>,
    ) -> Result<(), DbErr> {
        let events: Vec<AuditEvent> = new.into_iter().map(|new| self.event(new)).collect();
        store::insert(transaction, &events).await?;
        for event in &events {
            self.recorded(event);
        }
        Ok(())
    }

    /// Logs an event that was recorded, and notes that it is to be handled.
    fn recorded(&self, event: &AuditEvent) {
        log(event);
        if let Some(own) = &self.own {
            own.insert(event.id, ());
        }
    }

    fn event(&self, new: NewEvent<'_>) -> AuditEvent {
        let client = new.actor.client();
        AuditEvent {
            id: EventId::generate(&self.clock),
            action: new.action,
            at: self.clock.now(),
            actor: new.actor.user(),
            user: new.user,
            session: new.session,
            ip_address: client.map(|client| client.address.to_string()),
            user_agent: client.and_then(|client| client.user_agent.clone()),
        }
    }

    /// Records an event in its own transaction, such as a failed sign-in.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn record_standalone(&self, new: NewEvent<'_>) -> Result<AuditEvent, DbErr> {
        let transaction = self.database.begin_short().await?;
        let event = self.record(&transaction, new).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(event)
    }

    /// Finds an event by its id.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: EventId) -> Result<Option<AuditEvent>, DbErr> {
        store::find(self.database.reader(), id).await
    }

    /// Lists a page of the events, newest first.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(
        &self,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Vec<AuditEvent>, DbErr> {
        store::list(self.database.reader(), filter, page).await
    }

    /// Deletes at most `batch` events that are older than the retention.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        match self.retention {
            Some(retention) => {
                store::delete_before(self.database.writer(), self.clock.now() - retention, batch).await
            }
            None => Ok(0),
        }
    }
}

/// Writes an event to the program's log.
fn log(event: &AuditEvent) {
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
}
