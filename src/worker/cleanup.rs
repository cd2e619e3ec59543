use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sea_orm::DbErr;
use tokio::time::Instant;

use super::store;
use crate::{app::App, clock::Timestamp};

/// The maximum number of rows that one statement deletes, so that requests do not wait long for it.
const BATCH_SIZE: u64 = 500;

/// The time since the previous run above which the clock is assumed to have jumped. Runs are a minute apart.
const JUMP_THRESHOLD: Duration = Duration::from_hours(2);

/// The time that a run waits after a jump: long enough for time synchronization, or an operator, to correct the clock.
const JUMP_WAIT: Duration = Duration::from_hours(1);

/// The name of the task in the database.
const TASK: &str = "cleanup";

/// Deletes expired rows.
///
/// A clock that jumps ahead makes active sessions look expired, and a deletion cannot be undone. So the time of each
/// run is recorded in the database. A run hours after the previous one waits until the clock has been corrected, or
/// until an hour has passed in which no server with another clock has run.
pub struct Cleanup {
    app: App,
    wait: Mutex<Option<Wait>>,
}

/// A wait after a jump of the clock.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Wait {
    began: Instant,
    /// The previous run, as it was recorded when the wait began.
    previous: Timestamp,
}

impl Cleanup {
    /// Creates the cleanup task of a server.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, wait: Mutex::default() }
    }

    /// Deletes all expired rows, unless the clock has jumped. Logs errors.
    pub async fn run(&self) {
        if let Err(error) = self.try_run().await {
            tracing::warn!(%error, "cannot delete expired rows");
        }
    }

    /// Computes the skeletons of usernames that servers of earlier releases have written. Logs errors.
    pub async fn compute_skeletons(&self) {
        loop {
            match self.app.accounts.compute_skeletons(BATCH_SIZE).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot compare the usernames of an earlier release");
                    return;
                }
            }
        }
    }

    /// Whether the clock has not jumped since the previous run. After a jump, changes that cannot be undone must wait.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_clock_steady(&self) -> Result<bool, DbErr> {
        let now = self.app.clock.now();
        Ok(self.previous().await?.is_none_or(|previous| now <= previous + JUMP_THRESHOLD))
    }

    async fn try_run(&self) -> Result<(), DbErr> {
        let (previous, now) = (self.previous().await?, self.app.clock.now());
        let before = *self.wait.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = wait(previous, now, before, Instant::now());
        *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        if let Some(Wait { previous, .. }) = wait {
            if before.is_none() {
                tracing::warn!(
                    previous = %previous,
                    now = %now,
                    "the clock is hours ahead of the previous cleanup: it has jumped, or no server ran; nothing is \
                     deleted for an hour"
                );
            }
            return Ok(());
        }
        store::record_run(self.app.database.writer(), TASK, now).await?;
        while self.delete_batch().await? >= BATCH_SIZE {}
        Ok(())
    }

    /// Deletes one batch of expired rows from each table. Returns the size of the largest batch.
    async fn delete_batch(&self) -> Result<u64, DbErr> {
        let app = &self.app;
        let sessions = app.sessions.sweep(BATCH_SIZE).await?;
        let tokens = app.personal_access_tokens.sweep(BATCH_SIZE).await?;
        let throttle = app.throttle.sweep(BATCH_SIZE).await?;
        let proofs = app.proofs.sweep(BATCH_SIZE).await?;
        let challenges = app.second_factors.sweep(BATCH_SIZE).await?;
        let devices = app.trusted_devices.sweep(BATCH_SIZE).await?;
        let used_challenges = app.passkeys.sweep(BATCH_SIZE).await?;
        let changes = app.feed.sweep(BATCH_SIZE).await?;
        let events = app.audit.sweep(BATCH_SIZE).await?;
        let statuses = match &app.status_lists {
            Some(lists) => lists.sweep(BATCH_SIZE).await?,
            None => 0,
        };
        let accounts = app.accounts.delete_due(BATCH_SIZE).await?;
        let unverified = app.accounts.delete_unverified(BATCH_SIZE).await?;
        let messages = app.mail.sweep(BATCH_SIZE).await?;
        app.keyring.sweep().await?;
        Ok(accounts
            .max(unverified)
            .max(sessions)
            .max(tokens)
            .max(throttle)
            .max(proofs)
            .max(challenges)
            .max(devices)
            .max(used_challenges)
            .max(changes)
            .max(events)
            .max(statuses)
            .max(messages))
    }

    /// The time of the previous run on any server.
    async fn previous(&self) -> Result<Option<Timestamp>, DbErr> {
        store::last_run(self.app.database.reader(), TASK).await
    }
}

/// The current wait, computed from the previous wait.
fn wait(previous: Option<Timestamp>, now: Timestamp, before: Option<Wait>, at: Instant) -> Option<Wait> {
    let previous = previous.filter(|previous| now > *previous + JUMP_THRESHOLD)?;
    match before {
        Some(wait) if wait.previous == previous && at.duration_since(wait.began) >= JUMP_WAIT => None,
        Some(wait) if wait.previous == previous => Some(wait),
        _ => Some(Wait { began: at, previous }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_run_waits_an_hour_after_a_jump_and_continues_once_the_clock_is_corrected() {
        let (start, began) = (Timestamp::UNIX_EPOCH, Instant::now());
        assert_eq!(wait(None, start, None, began), None, "the first run");
        assert_eq!(wait(Some(start), start + MINUTE, None, began), None, "the next one");
        let jumped = start + Duration::from_hours(9);
        let waits = wait(Some(start), jumped, None, began);
        assert_eq!(waits, Some(Wait { began, previous: start }));
        assert_eq!(wait(Some(start), jumped + 59 * MINUTE, waits, began + 59 * MINUTE), waits);
        assert_eq!(wait(Some(start), jumped + 60 * MINUTE, waits, began + 60 * MINUTE), None, "it is right");
        assert_eq!(wait(Some(start), start + 2 * MINUTE, waits, began + MINUTE), None, "it was corrected");
        assert_eq!(wait(Some(jumped), start, None, began), None, "a clock that goes back deletes less");
    }

    #[test]
    fn a_run_waits_while_another_server_runs_with_another_clock() {
        let (start, began) = (Timestamp::UNIX_EPOCH, Instant::now());
        let mut waits = None;
        for minute in 0..180 {
            let (here, there) = (start + Duration::from_hours(9) + minute * MINUTE, start + minute * MINUTE);
            waits = wait(Some(there), here, waits, began + minute * MINUTE);
            assert!(waits.is_some(), "{minute}");
        }
    }
}
