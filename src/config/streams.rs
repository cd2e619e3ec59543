use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure, ensure_between};

/// `[http.streams]`: limits of streams, that is of WebSocket connections and event streams.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StreamsConfig {
    /// The maximum number of open streams. At the maximum, a new stream replaces an anonymous one that is older than
    /// `init_timeout`, or one of a network that has far more of them.
    pub max_open: usize,
    /// The maximum number of open streams from one address (IPv6: one /64). Larger networks have limits as for
    /// connections.
    pub max_open_per_address: usize,
    /// The maximum number of open streams of one session.
    pub max_open_per_session: usize,
    /// The maximum number of concurrent operations in a WebSocket connection. An event stream has one operation.
    pub max_operations: usize,
    /// The approximate maximum memory of the operations in a stream, in bytes: their documents, variables, extensions
    /// and names, and the token.
    pub max_document_bytes: usize,
    /// The maximum number of messages that a WebSocket client may send per second.
    pub max_messages_per_second: usize,
    /// The time in which a WebSocket client must send `connection_init`.
    #[serde(with = "super::duration")]
    pub init_timeout: Duration,
    /// The interval of keep-alive messages on an idle stream, by which both sides detect a lost connection.
    #[serde(with = "super::duration")]
    pub heartbeat: Duration,
    /// The time in which a client must receive an event.
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
            // Proxies close connections that are idle for 60 s, some after 30 s.
            heartbeat: Duration::from_secs(15),
            send_timeout: Duration::from_secs(10),
        }
    }
}

impl StreamsConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        for (limit, key) in [
            (self.max_open, "http.streams.max_open"),
            (self.max_open_per_address, "http.streams.max_open_per_address"),
            (self.max_open_per_session, "http.streams.max_open_per_session"),
            (self.max_operations, "http.streams.max_operations"),
            (self.max_document_bytes, "http.streams.max_document_bytes"),
            (self.max_messages_per_second, "http.streams.max_messages_per_second"),
        ] {
            ensure(limit >= 1, key, "must be at least 1")?;
        }
        let (moment, hour) = (Duration::from_millis(100), Duration::from_hours(1));
        ensure_between(self.init_timeout, moment, hour, "http.streams.init_timeout")?;
        ensure_between(self.heartbeat, moment, hour, "http.streams.heartbeat")?;
        ensure_between(self.send_timeout, moment, hour, "http.streams.send_timeout")
    }
}
