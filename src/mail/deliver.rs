//! Sends the messages of the outbox.
//!
//! A server takes the lease of a due message in one statement, sends it, and records the result. If the server dies
//! meanwhile, another one sends the message once the lease has expired, so that each message is sent at least once.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use sea_orm::DbErr;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Mail, MessageKind, SendError, Variables,
    context::Context,
    records::address_key,
    secrets::without_secrets,
    store::{self, ClaimedMessage},
};
use crate::{
    audit::{Actor, Audit, AuditAction, NewEvent},
    changes::ChangeFeed,
    clock::Timestamp,
};

/// The maximum number of messages that a server sends at the same time.
const CONCURRENCY: usize = 8;

/// The interval at which the outbox is read, because other servers and commands also write to it.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The time for which a lease exceeds the timeout of an attempt.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// The time that attempts have to complete when the server shuts down.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// The delay after the first failed attempt of a message. Each further attempt doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(30);

/// The maximum delay between two attempts of a message.
const MAX_DELAY: Duration = Duration::from_hours(1);

/// The first and the maximum pause of all messages while the mail server is unavailable.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// The error of a message to a suppressed address.
const SUPPRESSED: &str = "the address is suppressed";

/// The delivery of the messages in the outbox.
#[derive(Clone)]
pub struct Delivery {
    mail: Mail,
    audit: Audit,
    feed: Arc<ChangeFeed>,
    /// The attempts in progress, for which the shutdown waits.
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The result of an attempt, as far as it matters to other messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The mail server has responded to the message.
    Done,
    /// The mail server is unavailable.
    Unavailable,
}

/// The reason why a message is not sent.
enum Failure {
    /// The mail server, or the transport, has not accepted it.
    Send(SendError),
    /// Its address is suppressed.
    Suppressed,
    /// It cannot be composed, or is out of date.
    Invalid(String),
}

impl Delivery {
    /// Creates the delivery of an outbox.
    #[must_use]
    pub fn new(
        mail: Mail,
        audit: Audit,
        feed: Arc<ChangeFeed>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self { mail, audit, feed, tasks, stop }
    }

    /// Sends messages until it is dropped.
    pub async fn run(self) {
        let mut pause = Pause::default();
        let mut attempts = FuturesUnordered::new();
        loop {
            let now = self.mail.0.clock.now();
            let free = pause.concurrency(now).saturating_sub(attempts.len());
            if free > 0 {
                match self.claim(free, now).await {
                    Ok(claimed) => {
                        for message in claimed {
                            // In a separate task, which a shutdown does not cancel at once.
                            attempts.push(self.tasks.spawn(self.clone().attempt(message)));
                        }
                    }
                    Err(error) => tracing::warn!(%error, "cannot read the outbox"),
                }
            }
            tokio::select! {
                Some(attempt) = attempts.next() => {
                    pause.record(attempt.unwrap_or(Attempt::Done), self.mail.0.clock.now());
                }
                () = self.mail.0.queued.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    async fn claim(&self, limit: usize, now: Timestamp) -> Result<Vec<ClaimedMessage>, DbErr> {
        let lease = now + self.mail.0.config.send_timeout + LEASE_MARGIN;
        store::claim(self.mail.0.database.writer(), limit as u64, lease, now).await
    }

    /// Sends a message and records the result. A shutdown interrupts it after some seconds.
    async fn attempt(self, message: ClaimedMessage) -> Attempt {
        let stopped = async {
            self.stop.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            attempt = self.send_and_record(&message) => attempt.unwrap_or_else(|error| {
                tracing::warn!(%error, message = %message.id, "cannot record the delivery of a message");
                Attempt::Done
            }),
            () = stopped => Attempt::Done,
        }
    }

    async fn send_and_record(&self, message: &ClaimedMessage) -> Result<Attempt, DbErr> {
        if message.kind == store::DECOY {
            store::delete(self.mail.0.database.writer(), message.id).await?;
            return Ok(Attempt::Done);
        }
        match self.send(message).await? {
            Ok(()) => self.finish(message, None).await.map(|()| Attempt::Done),
            Err(Failure::Suppressed) => {
                let now = self.mail.0.clock.now();
                let error = Some(SUPPRESSED.to_owned());
                store::finish(self.mail.0.database.writer(), message, error, now).await?;
                Ok(Attempt::Done)
            }
            Err(Failure::Invalid(error) | Failure::Send(SendError::Permanent(error))) => {
                self.finish(message, Some(error)).await.map(|()| Attempt::Done)
            }
            Err(Failure::Send(SendError::Temporary(error))) => {
                self.retry_later(message, error, delay_after(message.attempts)).await?;
                Ok(Attempt::Done)
            }
            Err(Failure::Send(SendError::Unavailable(error))) => {
                self.retry_later(message, error, delay_after(message.attempts).min(MAX_PAUSE)).await?;
                Ok(Attempt::Unavailable)
            }
        }
    }

    /// Sends a message.
    async fn send(&self, message: &ClaimedMessage) -> Result<Result<(), Failure>, DbErr> {
        let mail = &self.mail.0;
        if store::is_suppressed(mail.database.reader(), &address_key(&message.recipient)).await? {
            return Ok(Err(Failure::Suppressed));
        }
        let variables = match self.variables(message) {
            Ok(variables) => variables,
            Err(error) => return Ok(Err(Failure::Invalid(error))),
        };
        Ok(self.send_with(message, &variables).await)
    }

    async fn send_with(&self, message: &ClaimedMessage, variables: &Variables) -> Result<(), Failure> {
        let (mail, now) = (&self.mail.0, self.mail.0.clock.now());
        let invalid = |error: String| Failure::Invalid(without_secrets(error, variables));
        let Some(kind) = MessageKind::from_name(&message.kind) else {
            let error = format!("this release knows no message of the kind {}", message.kind);
            return Err(Failure::Send(SendError::Temporary(error)));
        };
        if variables.link.is_some()
            && variables.expires_in.is_some_and(|time| message.created_at + time <= now)
        {
            return Err(invalid("its link expired before it could be sent".to_owned()));
        }
        let context = Context::new(mail.composer.service(), variables, message.created_at, now);
        let rendered = mail.templates.render(kind, message.locale.as_deref(), context);
        let rendered = rendered.map_err(|error| invalid(error.to_string()))?;
        let composed = mail.composer.compose(message.id, &message.recipient, rendered, message.created_at);
        let composed = composed.map_err(|error| invalid(error.to_string()))?;
        let sent = mail.transport.send(message.id, &composed).await;
        sent.map(|_| ()).map_err(|error| {
            Failure::Send(match error {
                SendError::Unavailable(text) => SendError::Unavailable(without_secrets(text, variables)),
                SendError::Temporary(text) => SendError::Temporary(without_secrets(text, variables)),
                SendError::Permanent(text) => SendError::Permanent(without_secrets(text, variables)),
            })
        })
    }

    fn variables(&self, message: &ClaimedMessage) -> Result<Variables, String> {
        let sealed = message.sealed_variables.as_deref().unwrap_or_default();
        let json = self.mail.0.sealers.open(sealed, &message.id.to_string());
        let json = json.map_err(|error| format!("the variables of the message: {error}"))?;
        serde_json::from_slice(&json).map_err(|_| "the variables of the message are invalid".to_owned())
    }

    /// Records that a message was sent or given up.
    async fn finish(&self, message: &ClaimedMessage, error: Option<String>) -> Result<(), DbErr> {
        let action = match &error {
            None => AuditAction::MessageSent,
            Some(error) => {
                tracing::warn!(message = %message.id, kind = message.kind, error, "a message was given up");
                AuditAction::MessageFailed
            }
        };
        let transaction = self.mail.0.database.begin_short().await?;
        if !store::finish(&transaction, message, error, self.mail.0.clock.now()).await? {
            // Another server has sent it as well, and records that.
            return transaction.rollback().await;
        }
        let event = NewEvent { action, user: message.user, session: None, actor: Actor::Server };
        self.audit.record(&transaction, event).await?;
        self.feed.commit(transaction, &[]).await
    }

    /// Schedules the next attempt, or gives up if that would be too late.
    async fn retry_later(
        &self,
        message: &ClaimedMessage,
        error: String,
        delay: Duration,
    ) -> Result<(), DbErr> {
        let next_attempt_at = self.mail.0.clock.now() + delay;
        if next_attempt_at > message.created_at + self.mail.0.config.give_up_after {
            return self.finish(message, Some(error)).await;
        }
        let seconds = delay.as_secs();
        tracing::warn!(message = %message.id, kind = message.kind, error, seconds, "a message was not sent, and waits");
        store::reschedule(self.mail.0.database.writer(), message, error, next_attempt_at).await
    }
}

/// The delay before the next attempt, after this many (exponential backoff).
fn delay_after(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    FIRST_DELAY.saturating_mul(2_u32.saturating_pow(doublings)).min(MAX_DELAY)
}

/// The pause while the mail server is unavailable. Otherwise each queued message would be tried, and recorded in the
/// database, in turn.
#[derive(Default)]
struct Pause {
    /// The number of attempts without a response.
    failures: u32,
    until: Timestamp,
}

impl Pause {
    /// The number of messages that may be sent at the same time. After a pause, one message tries whether the mail
    /// server is available again.
    fn concurrency(&self, now: Timestamp) -> usize {
        match self.failures {
            0 => CONCURRENCY,
            _ if now < self.until => 0,
            _ => 1,
        }
    }

    fn record(&mut self, attempt: Attempt, now: Timestamp) {
        match attempt {
            Attempt::Done => self.failures = 0,
            // Several messages can fail at once, which is one failure.
            Attempt::Unavailable if now >= self.until => {
                self.until =
                    now + FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures)).min(MAX_PAUSE);
                self.failures = self.failures.saturating_add(1);
            }
            Attempt::Unavailable => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_an_hour() {
        let seconds = |attempts| delay_after(attempts).as_secs();
        assert_eq!([1, 2, 3, 8, 9, i32::MAX].map(seconds), [30, 60, 120, 3600, 3600, 3600]);
    }

    #[test]
    fn an_unavailable_mail_server_is_tried_by_one_message_after_each_pause() {
        let (mut pause, start) = (Pause::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(pause.concurrency(start), CONCURRENCY);
        for _ in 0..CONCURRENCY {
            pause.record(Attempt::Unavailable, start);
        }
        assert_eq!([0, 999, 1000].map(|ms| pause.concurrency(start + Duration::from_millis(ms))), [0, 0, 1]);
        pause.record(Attempt::Unavailable, start + Duration::from_secs(1));
        assert_eq!([2, 3].map(|s| pause.concurrency(start + Duration::from_secs(s))), [0, 1]);
        pause.record(Attempt::Done, start + Duration::from_secs(3));
        assert_eq!(pause.concurrency(start + Duration::from_secs(3)), CONCURRENCY);
    }
}
