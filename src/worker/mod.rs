//! The background tasks of a server, and their intervals.

mod cleanup;
mod store;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture};
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::cleanup::Cleanup;
use crate::{app::App, audit::EventFilter, changes::Change, mail::Delivery, replicas::Difference};

/// The interval at which the change feed is read, even without a notification.
const FEED_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which new audit events are read while there are subscribers.
const EVENTS_INTERVAL: Duration = Duration::from_millis(250);

/// The interval at which the signing keys are checked, because no notification is sent when a key becomes due.
const KEYS_INTERVAL: Duration = Duration::from_mins(1);

/// The time between two runs of the cleanup.
const CLEANUP_INTERVAL: Duration = Duration::from_mins(1);

/// The time between two records that this server runs.
const RECORD_INTERVAL: Duration = Duration::from_secs(30);

/// The delay before a task retries after an error.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Starts the background tasks. They end when `stop` is cancelled.
pub fn start(app: &App, stop: &CancellationToken) {
    let cleanup = Arc::new(Cleanup::new(app.clone()));
    let tasks: [BoxFuture<'static, ()>; 8] = [
        Box::pin(read_feed(app.clone())),
        Box::pin(listen(app.clone())),
        Box::pin(publish_events(app.clone())),
        Box::pin(handle_events(app.clone())),
        Box::pin(maintain_keys(app.clone(), Arc::clone(&cleanup))),
        Box::pin(clean_up(cleanup)),
        Box::pin(join_replicas(app.clone())),
        Box::pin(delivery(app, stop).run()),
    ];
    for task in tasks {
        app.tasks.spawn(stop.clone().run_until_cancelled_owned(task));
    }
}

/// The task that sends messages.
fn delivery(app: &App, stop: &CancellationToken) -> Delivery {
    let (mail, audit, feed) = (app.mail.clone(), app.audit.clone(), Arc::clone(&app.feed));
    Delivery::new(mail, audit, feed, app.tasks.clone(), stop.clone())
}

async fn read_feed(app: App) {
    let mut interval = tokio::time::interval(FEED_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = app.feed.catch_up().await {
            tracing::warn!(%error, "cannot read the change feed");
        }
    }
}

/// Reads the feed as soon as the database sends a notification (PostgreSQL LISTEN).
async fn listen(app: App) {
    loop {
        match app.database.listen().await {
            Ok(Some(mut listener)) => loop {
                if let Err(error) = listener.recv().await {
                    tracing::warn!(%error, "lost the connection that receives change notifications");
                    break;
                }
                if let Err(error) = app.feed.catch_up().await {
                    tracing::warn!(%error, "cannot read the change feed");
                }
            },
            Ok(None) => return,
            Err(error) => tracing::warn!(%error, "cannot subscribe to change notifications"),
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Publishes new audit events to subscribers. Polls as well, because replicas send no notification for an event without
/// a change.
async fn publish_events(app: App) {
    loop {
        let _ = tokio::time::timeout(EVENTS_INTERVAL, app.feed.changed()).await;
        if let Err(error) = app.audit.publish().await {
            tracing::warn!(%error, "cannot read new audit events");
        }
    }
}

/// Passes each event that this server has recorded to the hook of the application, if it has one.
async fn handle_events(app: App) {
    let hooks = app.accounts.hooks();
    if !hooks.is_some() {
        return;
    }
    let mut last = None;
    loop {
        match app.audit.subscribe(EventFilter::default(), last).await {
            Err(error) => tracing::warn!(%error, "cannot read the events for the hook after_event"),
            Ok(events) => {
                let mut events = std::pin::pin!(events);
                while let Some(event) = events.next().await {
                    let Ok(event) = event.inspect_err(|error| {
                        tracing::warn!(%error, "cannot read the events for the hook after_event");
                    }) else {
                        break;
                    };
                    last = Some(event.id);
                    if app.audit.take_own(event.id)
                        && let Err(error) = hooks.after_event(&event).await
                    {
                        tracing::error!(%error, event = %event.id, "a hook of the application did not succeed");
                    }
                }
            }
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn maintain_keys(app: App, cleanup: Arc<Cleanup>) {
    let changed = Arc::new(Notify::new());
    let observer = Arc::clone(&changed);
    app.feed.observe(move |change, _| {
        if *change == Change::KeysChanged {
            observer.notify_one();
        }
    });
    loop {
        // The notification of a revoked key is not repeated, so a failed read must not wait for the next check.
        let mut pause = KEYS_INTERVAL;
        if let Err(error) = app.keyring.reload().await {
            tracing::warn!(%error, "cannot read the signing keys");
            pause = RETRY_DELAY;
        }
        if let Err(error) = app.admin.tend_keys().await {
            tracing::error!(%error, "cannot sign access tokens");
        }
        // After a jump of the clock, a valid key could look expired and would be retired.
        if cleanup.is_clock_steady().await.unwrap_or(false) {
            change_keys(&app).await;
        }
        let _ = tokio::time::timeout(pause, changed.notified()).await;
    }
}

/// Retires and rotates the keys that are due.
async fn change_keys(app: &App) {
    if let Err(error) = app.admin.retire_unused_keys().await {
        tracing::warn!(%error, "cannot retire the keys of the database");
    }
    if let Err(error) = app.admin.rotate_keys_when_due().await {
        tracing::warn!(%error, "cannot rotate the signing keys");
    }
}

async fn clean_up(cleanup: Arc<Cleanup>) {
    loop {
        cleanup.compute_skeletons().await;
        tokio::time::sleep(CLEANUP_INTERVAL).await;
        cleanup.run().await;
    }
}

/// Records that this server runs, and logs one warning for each setting that differs from another server's.
async fn join_replicas(app: App) {
    let mut interval = tokio::time::interval(RECORD_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = BTreeSet::new();
    loop {
        interval.tick().await;
        // In a separate task, which a shutdown does not cancel: the database could execute a cancelled statement after
        // the shutdown has deleted the record.
        let replicas = Arc::clone(&app.replicas);
        if let Ok(Err(error)) = app.tasks.spawn(async move { replicas.record().await }).await {
            tracing::warn!(%error, "cannot record that this server runs");
        }
        let Ok(others) = app.replicas.others().await else { continue };
        let differences = others.iter().flat_map(|other| app.replicas.differences(other));
        let differences: BTreeSet<Difference> = differences.collect();
        for Difference { key, here, there, server } in differences.difference(&known) {
            tracing::warn!(
                key,
                here,
                there,
                server,
                "another server on this database has another value; servers must agree on this setting"
            );
        }
        known = differences;
    }
}
