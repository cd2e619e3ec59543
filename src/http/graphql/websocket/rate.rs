use std::time::Duration;

use tokio::time::Instant;

/// Counts the messages of a client in the current second.
pub(super) struct MessageRate {
    since: Instant,
    messages: usize,
}

impl MessageRate {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), messages: 0 }
    }

    /// Counts a message. Returns the number of messages in the current second.
    pub(super) fn count(&mut self) -> usize {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::new();
        }
        self.messages += 1;
        self.messages
    }
}
