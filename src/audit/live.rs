//! Subscriptions to the log: each event once, in the order of the positions, from a given event on.
//!
//! [`Audit::publish`] reads new events and sends them to all subscribers through a bounded channel. A
//! subscriber that is further behind, because it started at an earlier event or reads slowly, reads pages of
//! the log until it has caught up. One reader serves all subscribers, and it reads nothing while there are
//! none.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, stream};
use sea_orm::DbErr;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use super::{
    Audit, AuditEvent, EventFilter,
    store::{self, LogPosition, PositionedEvent},
};
use crate::{
    database::Snapshot,
    id::{EventId, UserId},
};

/// The capacity of a subscriber's channel. A subscriber that is further behind reads events from the log.
const CHANNEL_CAPACITY: usize = 64;

/// The number of events that one query reads.
const READ_BATCH: u64 = 100;

/// The events that a subscriber receives: those of one account, or all.
type Topic = Option<UserId>;

/// The subscribers, and how far the log has been read for them.
#[derive(Default)]
pub(super) struct Broadcaster {
    topics: Mutex<HashMap<Topic, Sender<PositionedEvent>>>,
    /// The position of the last event that was sent. `None` while there are no subscribers.
    watermark: tokio::sync::Mutex<Option<LogPosition>>,
}

/// Why a subscription failed to start.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The event to start after does not exist, or the subscriber may not see it.
    #[error("the event does not exist or is not visible to the subscriber")]
    UnknownEvent,
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl Audit {
    /// Subscribes to the events that match the filter, from now on or after a given event. The stream ends
    /// after an error.
    ///
    /// # Errors
    /// If the event to start after does not exist, or a database query fails.
    pub async fn subscribe(
        &self,
        filter: EventFilter,
        after: Option<EventId>,
    ) -> Result<impl Stream<Item = Result<AuditEvent, DbErr>> + Send + use<>, SubscribeError> {
        let mut watermark = self.broadcaster.watermark.lock().await;
        // Subscribed before the end of the log is read, so that all later events are received.
        let receiver = self.broadcaster.subscribe(filter.user);
        let snapshot = self.database.snapshot().await?;
        let end = match &snapshot {
            Some(snapshot) => LogPosition::end_of(snapshot.xmin - 1),
            None => LogPosition::end_of(store::newest_position(self.database.reader()).await?),
        };
        watermark.get_or_insert(end);
        drop(watermark);
        let (start, seen) = match (after, snapshot) {
            (Some(id), _) => (self.position(&filter, id).await?, AlreadySeen::Event(id)),
            (None, Some(snapshot)) => (end, AlreadySeen::Snapshot(snapshot)),
            (None, None) => (end, AlreadySeen::Nothing),
        };
        let subscriber = Subscriber {
            audit: self.clone(),
            filter,
            // Events before the given one may still be committed, so the subscription starts at `end` if that is
            // earlier.
            last: start.min(end),
            seen,
            receiver,
            read: VecDeque::new(),
            has_backlog: after.is_some(),
        };
        Ok(stream::unfold(Some(subscriber), |subscriber| async move {
            let mut subscriber = subscriber?;
            match subscriber.next().await {
                Ok(event) => Some((Ok(event), Some(subscriber))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// Sends new events to all subscribers.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn publish(&self) -> Result<(), DbErr> {
        let mut watermark = self.broadcaster.watermark.lock().await;
        loop {
            let Some(last) = *watermark else { return Ok(()) };
            if !self.broadcaster.has_subscribers() {
                *watermark = None;
                return Ok(());
            }
            let page = self.events_after(None, last).await?;
            let Some(newest) = page.last().map(|positioned| positioned.position) else { return Ok(()) };
            // A subscriber that receives an event must also see the change that it reports.
            self.feed.catch_up().await?;
            self.broadcaster.broadcast(&page);
            *watermark = Some(newest);
        }
    }

    /// Resets positions that another PostgreSQL cluster assigned before the data were moved to this one,
    /// because each cluster counts its transactions from the start. Such events sort first, in the order of
    /// their ids.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn reset_foreign_positions(&self) -> Result<(), DbErr> {
        let newest = store::newest_position(self.database.reader()).await?;
        if !self.is_foreign(newest).await? {
            return Ok(());
        }
        let transaction = self.database.begin_exclusive().await?;
        // Another replica may have reset them while this one waited.
        let newest = store::newest_position(&transaction).await?;
        if self.is_foreign(newest).await? {
            tracing::warn!("reset the positions of audit events from another PostgreSQL cluster");
            store::reset_positions(&transaction).await?;
        }
        transaction.commit().await
    }

    /// Whether another cluster assigned this position, because the transactions of this cluster have not
    /// reached it yet.
    async fn is_foreign(&self, position: i64) -> Result<bool, DbErr> {
        Ok(self.database.snapshot().await?.is_some_and(|now| !now.is_before_xmax(position)))
    }

    async fn position(&self, filter: &EventFilter, id: EventId) -> Result<LogPosition, SubscribeError> {
        let found = store::find_with_position(self.database.reader(), id).await?;
        let found = found.filter(|found| filter.user.is_none_or(|user| found.user == Some(user)));
        found.map(|found| found.position).ok_or(SubscribeError::UnknownEvent)
    }

    async fn events_after(&self, topic: Topic, after: LogPosition) -> Result<Vec<PositionedEvent>, DbErr> {
        let first_open = self.database.snapshot().await?.map_or(i64::MAX, |snapshot| snapshot.xmin);
        store::events_after(self.database.reader(), topic, after, first_open, READ_BATCH).await
    }
}

impl Broadcaster {
    fn subscribe(&self, topic: Topic) -> Receiver<PositionedEvent> {
        self.topics().entry(topic).or_insert_with(|| broadcast::channel(CHANNEL_CAPACITY).0).subscribe()
    }

    /// Returns whether there are subscribers. Removes topics without subscribers.
    fn has_subscribers(&self) -> bool {
        let mut topics = self.topics();
        topics.retain(|_, subscribers| subscribers.receiver_count() > 0);
        !topics.is_empty()
    }

    fn broadcast(&self, page: &[PositionedEvent]) {
        let topics = self.topics();
        for positioned in page {
            let of_account = positioned.user.and_then(|user| topics.get(&Some(user)));
            for subscribers in [topics.get(&None), of_account].into_iter().flatten() {
                // It fails if the last subscriber has just left.
                let _ = subscribers.send(positioned.clone());
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Sender<PositionedEvent>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscriber to the log.
struct Subscriber {
    audit: Audit,
    filter: EventFilter,
    /// The position of the last event that was examined. No earlier event is examined again.
    last: LogPosition,
    seen: AlreadySeen,
    receiver: Receiver<PositionedEvent>,
    /// The events that were read from the log but not examined yet.
    read: VecDeque<PositionedEvent>,
    /// Whether the log may have events that the channel no longer holds.
    has_backlog: bool,
}

/// The events that a new subscriber has already seen, although their positions are after its start.
enum AlreadySeen {
    /// No such events exist.
    Nothing,
    /// The events that were visible when the subscription began.
    Snapshot(Snapshot),
    /// The event that the subscription starts after.
    Event(EventId),
}

impl AlreadySeen {
    fn has(&self, event: &AuditEvent, position: LogPosition) -> bool {
        match self {
            Self::Nothing => false,
            Self::Snapshot(snapshot) => snapshot.is_visible(position.number),
            Self::Event(id) => event.id == *id,
        }
    }
}

impl Subscriber {
    /// Waits for the next event that matches the filter.
    async fn next(&mut self) -> Result<AuditEvent, DbErr> {
        loop {
            let positioned = match self.read.pop_front() {
                Some(positioned) => positioned,
                None if self.has_backlog => {
                    self.read = self.audit.events_after(self.filter.user, self.last).await?.into();
                    self.audit.feed.catch_up().await?;
                    self.has_backlog = self.read.len() as u64 == READ_BATCH;
                    continue;
                }
                None => match self.receiver.recv().await {
                    Ok(positioned) => positioned,
                    Err(RecvError::Lagged(_)) => {
                        self.has_backlog = true;
                        continue;
                    }
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
            };
            if positioned.position <= self.last {
                continue;
            }
            self.last = positioned.position;
            if let Some(event) = positioned.event
                && self.filter.admits(&event)
                && !self.seen.has(&event, positioned.position)
            {
                return Ok(event);
            }
        }
    }
}
