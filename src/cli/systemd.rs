//! The messages to systemd (`sd_notify(3)`). Without a service manager, which sets `NOTIFY_SOCKET`, nothing is sent.

use std::{
    convert::Infallible,
    future::{Future, pending},
};

use sd_notify::NotifyState;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// Runs a server, and tells the service manager that it is ready, then regularly that it responds (`WatchdogSec`), and
/// that it stops. The watchdog goes on during the shutdown, which finishes the running requests.
pub(super) async fn announce<T>(
    status: &str,
    stop: &CancellationToken,
    serving: impl Future<Output = T>,
) -> T {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
    let stopping = async {
        stop.cancelled().await;
        send(&[NotifyState::Stopping]);
        pending::<Infallible>().await
    };
    tokio::select! {
        done = serving => done,
        never = stopping => match never {},
        never = watch() => match never {},
    }
}

/// Tells the service manager twice in each timeout of its watchdog that the process responds.
async fn watch() -> Infallible {
    let Some(timeout) = sd_notify::watchdog_enabled() else { return pending().await };
    let mut ticks = interval(timeout / 2);
    loop {
        ticks.tick().await;
        send(&[NotifyState::Watchdog]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
