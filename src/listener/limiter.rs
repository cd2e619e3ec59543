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

/// Minimum time between two log lines about refused connections.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// Limits the number of connections, in total and for each client address.
pub(super) struct ConnectionLimiter {
    slots: Arc<Slots>,
    /// Trusted proxies. They carry the connections of many clients, so they have no limit of their own.
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

    /// Acquires a slot for a connection from this address. Without a slot the connection is closed at once. If it
    /// waited, all later connections would wait as well, and its client could not try another replica.
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

    /// Logs a refused connection. Rate-limited, so that a connection flood does not flood the log.
    fn warn(&self, full: SlotsFull, address: IpAddr) {
        let limit = match full {
            SlotsFull::Total => "http.max_connections",
            SlotsFull::Network => "http.max_connections_per_address",
        };
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
            *warned_at = Some(Instant::now());
            tracing::warn!(limit, %address, "connection refused: limit reached");
        }
    }
}
