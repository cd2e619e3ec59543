//! What runs besides the requests, and how often.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{app::App, changes::Change};

/// How often the change feed is read, whether or not anybody tells of something new.
const FEED_INTERVAL: Duration = Duration::from_secs(1);

/// How often new events are looked for while somebody follows them.
const EVENTS_INTERVAL: Duration = Duration::from_millis(250);

/// How often the keys are looked at, for their times come without anybody telling.
const KEYS_INTERVAL: Duration = Duration::from_mins(1);

/// How often what is over is deleted.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// How many rows a statement of a sweep deletes, so that nobody waits long for it.
const SWEEP_BATCH: u64 = 500;

/// How long after a fault a task waits before it tries again.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);

/// Starts the background tasks. They end when `stop` is cancelled.
pub fn start(app: &App, stop: &CancellationToken) {
    let tasks: [BoxFuture<'static, ()>; 5] = [
        Box::pin(read_feed(app.clone())),
        Box::pin(listen(app.clone())),
        Box::pin(publish_events(app.clone())),
        Box::pin(tend_keys(app.clone())),
        Box::pin(sweep(app.clone())),
    ];
    for task in tasks {
        app.tasks.spawn(stop.clone().run_until_cancelled_owned(task));
    }
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

/// Reads the feed as soon as the database says that it has grown.
async fn listen(app: App) {
    loop {
        match app.database.listen().await {
            Ok(Some(mut listener)) => loop {
                if let Err(error) = listener.heard().await {
                    tracing::warn!(%error, "lost the connection that tells of changes");
                    break;
                }
                if let Err(error) = app.feed.catch_up().await {
                    tracing::warn!(%error, "cannot read the change feed");
                }
            },
            Ok(None) => return,
            Err(error) => tracing::warn!(%error, "cannot listen for changes"),
        }
        tokio::time::sleep(PAUSE_AFTER_FAULT).await;
    }
}

/// Hands new events to those who follow them. Nobody tells of those that another replica writes without a change.
async fn publish_events(app: App) {
    loop {
        let _ = tokio::time::timeout(EVENTS_INTERVAL, app.feed.news()).await;
        if let Err(error) = app.audit.publish().await {
            tracing::warn!(%error, "cannot read the new events");
        }
    }
}

async fn tend_keys(app: App) {
    let changed = Arc::new(Notify::new());
    let observer = Arc::clone(&changed);
    app.feed.observe(move |change| {
        if *change == Change::KeysChanged {
            observer.notify_one();
        }
    });
    loop {
        if let Err(error) = app.keyring.reload().await {
            tracing::warn!(%error, "cannot read the signing keys");
        }
        if let Err(error) = app.admin.tend_keys().await {
            tracing::error!(%error, "cannot sign access tokens");
        }
        if let Err(error) = app.admin.retire_unused_keys().await {
            tracing::warn!(%error, "cannot retire the keys of the database");
        }
        if let Err(error) = app.admin.rotate_keys_when_due().await {
            tracing::warn!(%error, "cannot rotate the signing keys");
        }
        let _ = tokio::time::timeout(KEYS_INTERVAL, changed.notified()).await;
    }
}

async fn sweep(app: App) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        while matches!(sweep_batch(&app).await, Ok(deleted) if deleted >= SWEEP_BATCH) {}
    }
}

/// Deletes a batch of everything that is over, and says how large the largest was.
async fn sweep_batch(app: &App) -> Result<u64, sea_orm::DbErr> {
    let deleted = async {
        let sessions = app.sessions.sweep(SWEEP_BATCH).await?;
        let throttle = app.throttle.sweep(SWEEP_BATCH).await?;
        let changes = app.feed.sweep(SWEEP_BATCH).await?;
        let events = app.audit.sweep(SWEEP_BATCH).await?;
        app.keyring.sweep().await?;
        Ok(sessions.max(throttle).max(changes).max(events))
    };
    let deleted: Result<u64, sea_orm::DbErr> = deleted.await;
    deleted.inspect_err(|error| tracing::warn!(%error, "cannot delete what is over"))
}
