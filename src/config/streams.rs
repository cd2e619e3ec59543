use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Impossible, require, require_between};

/// `[http.streams]`: sockets and event streams, which stay open for subscriptions.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsConfig {
    /// The maximum that are open at once. At the maximum, a new one replaces an anonymous one that is older than
    /// `init_timeout`, or one of a network that has far more.
    pub max_open: usize,
    /// The maximum from one address (IPv6: from one /64). Networks have limits as for connections.
    pub max_open_per_address: usize,
    /// The most of them of one session.
    pub max_open_per_session: usize,
    /// The most operations at once in one socket. An event stream has one.
    pub max_operations: usize,
    /// The maximum memory that the operations in one socket or event stream may take, approximately, in bytes:
    /// their documents, variables, extensions and names, and the token.
    pub max_document_bytes: usize,
    /// The most messages that a socket takes in a second.
    pub max_messages_per_second: usize,
    /// How long a socket may take to say `connection_init`.
    #[serde(with = "super::duration")]
    pub init_timeout: Duration,
    /// How often something is sent where nothing happens, so that both sides notice when the other is gone.
    #[serde(with = "super::duration")]
    pub heartbeat: Duration,
    /// How long a client may take to receive an event.
    #[serde(with = "super::duration")]
    pub send_timeout: Duration,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            max_open: 2048,
            max_open_per_address: 128,
            max_open_per_session: 16,
            max_operations: 32,
            max_document_bytes: 2 * 1024 * 1024,
            max_messages_per_second: 64,
            init_timeout: Duration::from_secs(10),
            // Proxies close what is silent for a minute, some for half of one.
            heartbeat: Duration::from_secs(15),
            send_timeout: Duration::from_secs(10),
        }
    }
}

impl StreamsConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        for (limit, key) in [
            (self.max_open, "http.streams.max_open"),
            (self.max_open_per_address, "http.streams.max_open_per_address"),
            (self.max_open_per_session, "http.streams.max_open_per_session"),
            (self.max_operations, "http.streams.max_operations"),
            (self.max_document_bytes, "http.streams.max_document_bytes"),
            (self.max_messages_per_second, "http.streams.max_messages_per_second"),
        ] {
            require(limit >= 1, key, "must be at least 1")?;
        }
        let (moment, hour) = (Duration::from_millis(100), Duration::from_hours(1));
        require_between(self.init_timeout, moment, hour, "http.streams.init_timeout")?;
        require_between(self.heartbeat, moment, hour, "http.streams.heartbeat")?;
        require_between(self.send_timeout, moment, hour, "http.streams.send_timeout")
    }
}
