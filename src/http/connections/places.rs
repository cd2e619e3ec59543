use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    client::TrustedProxies,
    config::HttpConfig,
    http::seats::{Full, Seat, Seats},
};

/// How often it is logged that there are no seats left.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The seats for connections.
pub(super) struct Places {
    seats: Arc<Seats>,
    /// Speak for many clients, and have no limit of their own.
    proxies: TrustedProxies,
    warned_at: Mutex<Option<Instant>>,
}

impl Places {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let HttpConfig { max_connections, max_connections_per_address, header_timeout, .. } = *config;
        Self {
            seats: Seats::new(max_connections, max_connections_per_address, header_timeout),
            proxies: TrustedProxies(config.trusted_proxies.clone()),
            warned_at: Mutex::default(),
        }
    }

    /// A seat for a connection from this address, if there is one. Without one the connection is closed at once: were
    /// it to wait, so would all behind it, and its client could not try another replica.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let is_proxy = self.proxies.trusts(address.to_canonical());
        match self.seats.take(address, is_proxy) {
            Ok(seat) => Some(seat),
            Err(full) => {
                self.warn(full, address);
                None
            }
        }
    }

    /// Logs a refusal, but rarely, so that a flood of connections does not flood the log.
    fn warn(&self, full: Full, address: IpAddr) {
        let limit = match full {
            Full::All => "http.max_connections",
            Full::Network => "http.max_connections_per_address",
        };
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned_at = Some(Instant::now());
            tracing::warn!(limit, %address, "connections are closed, for there are too many");
        }
    }
}
