//! Messages by e-mail: the outbox, the templates and the transports.
//!
//! Invariants: a message is a row that is written in the transaction that causes it, and one server sends it after the
//! commit. Tokens and codes are encrypted in the row, deleted once the message was sent, and never logged.

mod message;
mod store;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Notify;

pub use self::message::{MessageClient, MessageKind, NewMessage, Variables};
use crate::{clock::Clock, database::Database, id::MessageId, secret::Sealers};

/// The outbox.
#[derive(Clone)]
pub struct Mail {
    database: Database,
    clock: Clock,
    sealers: Arc<Sealers>,
    /// Wakes the task that sends messages.
    queued: Arc<Notify>,
}

impl Mail {
    /// Creates the outbox of a database.
    #[must_use]
    pub(crate) fn new(database: Database, sealers: Sealers, clock: Clock) -> Self {
        Self { database, clock, sealers: Arc::new(sealers), queued: Arc::default() }
    }

    /// Writes a message to the outbox, in the transaction that causes it.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn enqueue(
        &self,
        transaction: &impl ConnectionTrait,
        message: &NewMessage<'_>,
    ) -> Result<MessageId, DbErr> {
        let id = MessageId::generate(&self.clock);
        let sealed = self.seal(id, &message.variables)?;
        store::insert(transaction, id, message, sealed, self.clock.now()).await?;
        Ok(id)
    }

    /// Wakes the task that sends messages, after the commit.
    pub fn wake(&self) {
        self.queued.notify_one();
    }

    fn seal(&self, id: MessageId, variables: &Variables) -> Result<Vec<u8>, DbErr> {
        let json = serde_json::to_vec(variables).map_err(|error| DbErr::Custom(error.to_string()))?;
        self.sealers.seal(&json, &id.to_string()).map_err(|error| DbErr::Custom(error.to_string()))
    }
}
