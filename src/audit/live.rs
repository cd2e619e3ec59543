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
    Audit, Event, Filter,
    store::{self, Place, Placed},
};
use crate::{
    database::Snapshot,
    id::{EventId, UserId},
};

/// How many events wait for a follower before it must read them from the log.
const CHANNEL: usize = 64;

/// How many events are read at once.
const PAGE: u64 = 100;

/// Whose events somebody follows: those of one account, or all.
type Topic = Option<UserId>;

/// Who follows, and how far the log has been read for them.
#[derive(Default)]
pub(super) struct Live {
    topics: Mutex<HashMap<Topic, Sender<Placed>>>,
    /// None while nobody follows.
    mark: tokio::sync::Mutex<Option<Place>>,
}

/// Why somebody cannot follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
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
    pub async fn follow(
        &self,
        filter: Filter,
        after: Option<EventId>,
    ) -> Result<impl Stream<Item = Result<Event, DbErr>> + Send + use<>, FollowError> {
        let mut mark = self.live.mark.lock().await;
        // Before the end is asked for: what comes behind it is handed out.
        let receiver = self.live.subscribe(filter.user);
        let snapshot = self.database.snapshot().await?;
        let end = match &snapshot {
            Some(snapshot) => Place::behind(snapshot.first_open - 1),
            None => Place::behind(store::newest_position(self.database.reader()).await?),
        };
        mark.get_or_insert(end);
        drop(mark);
        let (start, seen) = match (after, snapshot) {
            (Some(id), _) => (self.place(&filter, id).await?, Seen::Event(id)),
            (None, Some(snapshot)) => (end, Seen::Snapshot(snapshot)),
            (None, None) => (end, Seen::Nothing),
        };
        let follower = Follower {
            audit: self.clone(),
            filter,
            // An event that was seen before it was settled may have others before it that are still to come.
            last: start.min(end),
            seen,
            receiver,
            read: VecDeque::new(),
            is_behind: after.is_some(),
        };
        Ok(stream::unfold(Some(follower), |follower| async move {
            let mut follower = follower?;
            match follower.next().await {
                Ok(event) => Some((Ok(event), Some(follower))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// Hands out what is new to all who follow.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn publish(&self) -> Result<(), DbErr> {
        let mut mark = self.live.mark.lock().await;
        loop {
            let Some(last) = *mark else { return Ok(()) };
            if !self.live.is_followed() {
                *mark = None;
                return Ok(());
            }
            let page = self.following(None, last).await?;
            let Some(newest) = page.last().map(|placed| placed.place) else { return Ok(()) };
            // Who is told of a change shall see it.
            self.feed.catch_up().await?;
            self.live.hand_out(&page);
            *mark = Some(newest);
        }
    }

    /// Forgets the places of events that another PostgreSQL cluster has given, from which the data were brought
    /// here: transactions begin to count anew in each. Such events come first, in the order of their ids.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_foreign_places(&self) -> Result<(), DbErr> {
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

    async fn place(&self, filter: &Filter, id: EventId) -> Result<Place, FollowError> {
        let found = store::find_placed(self.database.reader(), id).await?;
        let found = found.filter(|found| filter.user.is_none_or(|user| found.user == Some(user)));
        found.map(|found| found.place).ok_or(FollowError::UnknownEvent)
    }

    async fn following(&self, topic: Topic, behind: Place) -> Result<Vec<Placed>, DbErr> {
        let first_open = self.database.snapshot().await?.map_or(i64::MAX, |snapshot| snapshot.first_open);
        store::following(self.database.reader(), topic, behind, first_open, PAGE).await
    }
}

impl Live {
    fn subscribe(&self, topic: Topic) -> Receiver<Placed> {
        self.topics().entry(topic).or_insert_with(|| broadcast::channel(CHANNEL).0).subscribe()
    }

    /// Whether anybody is there. Forgets what nobody follows any longer.
    fn is_followed(&self) -> bool {
        let mut topics = self.topics();
        topics.retain(|_, followers| followers.receiver_count() > 0);
        !topics.is_empty()
    }

    fn hand_out(&self, page: &[Placed]) {
        let topics = self.topics();
        for placed in page {
            let of_account = placed.user.and_then(|user| topics.get(&Some(user)));
            for followers in [topics.get(&None), of_account].into_iter().flatten() {
                // It fails when the last of them has just left.
                let _ = followers.send(placed.clone());
            }
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, Sender<Placed>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who follows.
struct Follower {
    audit: Audit,
    filter: Filter,
    /// Of the last event that was looked at; none before it is looked at again.
    last: Place,
    seen: Seen,
    receiver: Receiver<Placed>,
    /// What was read from the log and not looked at yet.
    read: VecDeque<Placed>,
    /// Whether there may be more in the log that the channel does not hold.
    is_behind: bool,
}

/// What a follower knows of the events that were not settled when it came.
enum Seen {
    /// There were none.
    Nothing,
    /// Those that were there, for it follows from then on.
    Snapshot(Snapshot),
    /// This one, from which it follows.
    Event(EventId),
}

impl Seen {
    fn has(&self, event: &Event, place: Place) -> bool {
        match self {
            Self::Nothing => false,
            Self::Snapshot(snapshot) => snapshot.shows(place.position),
            Self::Event(id) => event.id == *id,
        }
    }
}

impl Follower {
    /// The next event that the filter admits.
    async fn next(&mut self) -> Result<Event, DbErr> {
        loop {
            let placed = match self.read.pop_front() {
                Some(placed) => placed,
                None if self.is_behind => {
                    self.read = self.audit.following(self.filter.user, self.last).await?.into();
                    self.audit.feed.catch_up().await?;
                    self.is_behind = self.read.len() as u64 == PAGE;
                    continue;
                }
                None => match self.receiver.recv().await {
                    Ok(placed) => placed,
                    Err(RecvError::Lagged(_)) => {
                        self.is_behind = true;
                        continue;
                    }
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
            };
            if placed.place <= self.last {
                continue;
            }
            self.last = placed.place;
            if let Some(event) = placed.event
                && self.filter.admits(&event)
                && !self.seen.has(&event, placed.place)
            {
                return Ok(event);
            }
        }
    }
}
