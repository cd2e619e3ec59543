//! Following the log: each event once, in the order of their places, from some event on.
//!
//! [`Audit::publish`] reads what is new and hands it to all who follow, through a channel that holds only so
//! much. Who is further behind, by choice or by being slow, reads pages of the log up to there. One reader
//! serves them all, and reads nothing while nobody follows.

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

/// How many events wait for a follower before it must read them from the log.
const CHANNEL_CAPACITY: usize = 64;

/// How many events are read at once.
const READ_BATCH: u64 = 100;

/// Whose events somebody follows: those of one account, or all.
type Topic = Option<UserId>;

/// Who follows, and how far the log has been read for them.
#[derive(Default)]
pub(super) struct Broadcaster {
    topics: Mutex<HashMap<Topic, Sender<PositionedEvent>>>,
    /// None while nobody follows.
    watermark: tokio::sync::Mutex<Option<LogPosition>>,
}

/// Why somebody cannot follow.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The event to follow from is none that the follower may see.
    #[error("there is no such event among those that are followed")]
    UnknownEvent,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl Audit {
    /// The events that the filter admits, from now on or from one of them on. Ends after an error.
    ///
    /// # Errors
    /// When there is no such event to follow from, or the database does not answer.
    pub async fn subscribe(
        &self,
        filter: EventFilter,
        after: Option<EventId>,
    ) -> Result<impl Stream<Item = Result<AuditEvent, DbErr>> + Send + use<>, SubscribeError> {
        let mut watermark = self.broadcaster.watermark.lock().await;
        // Before the end is asked for: what comes behind it is handed out.
        let receiver = self.broadcaster.subscribe(filter.user);
        let snapshot = self.database.snapshot().await?;
        let end = match &snapshot {
            Some(snapshot) => LogPosition::end_of(snapshot.first_open - 1),
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
            // An event that was seen before it was settled may have others before it that are still to come.
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

    /// Hands out what is new to all who follow.
    ///
    /// # Errors
    /// When the database does not answer.
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
            // Who is told of a change shall see it.
            self.feed.catch_up().await?;
            self.broadcaster.broadcast(&page);
            *watermark = Some(newest);
        }
    }

    /// Forgets the places of events that another PostgreSQL cluster has given, from which the data were brought
    /// here: transactions begin to count anew in each. Such events come first, in the order of their ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reset_foreign_positions(&self) -> Result<(), DbErr> {
        let newest = store::newest_position(self.database.reader()).await?;
        if !self.is_foreign(newest).await? {
            return Ok(());
        }
        let transaction = self.database.begin_exclusive().await?;
        // Another server may have done it while this one waited.
        let newest = store::newest_position(&transaction).await?;
        if self.is_foreign(newest).await? {
            tracing::warn!("the events were written in another cluster; they get new places");
            store::reset_positions(&transaction).await?;
        }
        transaction.commit().await
    }

    /// Whether this cluster cannot have given a place that was read before: its transactions are not there yet.
    async fn is_foreign(&self, position: i64) -> Result<bool, DbErr> {
        Ok(self.database.snapshot().await?.is_some_and(|now| !now.is_ahead_of(position)))
    }

    async fn position(&self, filter: &EventFilter, id: EventId) -> Result<LogPosition, SubscribeError> {
        let found = store::find_with_position(self.database.reader(), id).await?;
        let found = found.filter(|found| filter.user.is_none_or(|user| found.user == Some(user)));
        found.map(|found| found.position).ok_or(SubscribeError::UnknownEvent)
    }

    async fn events_after(&self, topic: Topic, after: LogPosition) -> Result<Vec<PositionedEvent>, DbErr> {
        let first_open = self.database.snapshot().await?.map_or(i64::MAX, |snapshot| snapshot.first_open);
        store::events_after(self.database.reader(), topic, after, first_open, READ_BATCH).await
    }
}

impl Broadcaster {
    fn subscribe(&self, topic: Topic) -> Receiver<PositionedEvent> {
        self.topics().entry(topic).or_insert_with(|| broadcast::channel(CHANNEL_CAPACITY).0).subscribe()
    }

    /// Whether anybody is there. Forgets what nobody follows any longer.
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
                // It fails when the last of them has just left.
                let _ = subscribers.send(positioned.clone());
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Sender<PositionedEvent>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who follows.
struct Subscriber {
    audit: Audit,
    filter: EventFilter,
    /// Of the last event that was looked at; none before it is looked at again.
    last: LogPosition,
    seen: AlreadySeen,
    receiver: Receiver<PositionedEvent>,
    /// What was read from the log and not looked at yet.
    read: VecDeque<PositionedEvent>,
    /// Whether there may be more in the log that the channel does not hold.
    has_backlog: bool,
}

/// What a follower knows of the events that were not settled when it came.
enum AlreadySeen {
    /// There were none.
    Nothing,
    /// Those that were there, for it follows from then on.
    Snapshot(Snapshot),
    /// This one, from which it follows.
    Event(EventId),
}

impl AlreadySeen {
    fn has(&self, event: &AuditEvent, position: LogPosition) -> bool {
        match self {
            Self::Nothing => false,
            Self::Snapshot(snapshot) => snapshot.shows(position.number),
            Self::Event(id) => event.id == *id,
        }
    }
}

impl Subscriber {
    /// The next event that the filter admits.
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
