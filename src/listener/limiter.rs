use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    client::TrustedProxies,
    config::HttpConfig,
    limits::{Slot, Slots, SlotsFull},
};

/// How often it is logged that there are no slots left.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The slots for connections.
pub(super) struct ConnectionLimiter {
    slots: Arc<Slots>,
    /// Speak for many clients, and have no limit of their own.
    proxies: TrustedProxies,
    warned_at: Mutex<Option<Instant>>,
}

impl ConnectionLimiter {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let HttpConfig { max_connections, max_connections_per_address, header_timeout, .. } = *config;
        Self {
            slots: Slots::new(max_connections, max_connections_per_address, header_timeout),
            proxies: TrustedProxies(config.trusted_proxies.clone()),
            warned_at: Mutex::default(),
        }
    }

    /// A slot for a connection from this address, if there is one. Without one the connection is closed at once: were
    /// it to wait, so would all behind it, and its client could not try another replica.
    pub(super) fn try_acquire(&self, address: IpAddr) -> Option<Slot> {
        let is_proxy = self.proxies.trusts(address.to_canonical());
        match self.slots.try_acquire(address, is_proxy) {
            Ok(slot) => Some(slot),
            Err(full) => {
                self.warn(full, address);
                None
            }
        }
    }

    /// Logs a refusal, but rarely, so that a flood of connections does not flood the log.
    fn warn(&self, full: SlotsFull, address: IpAddr) {
        let limit = match full {
            SlotsFull::Total => "http.max_connections",
            SlotsFull::Network => "http.max_connections_per_address",
        };
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned_at = Some(Instant::now());
            tracing::warn!(limit, %address, "connections are closed, for there are too many");
        }
    }
}
