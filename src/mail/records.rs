//! The records of messages, and the suppressed addresses, as an operator sees them.

use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::{Mail, store};
use crate::{
    clock::Timestamp,
    database::PageRequest,
    id::{MessageId, UserId},
};

/// The state of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It is to be sent, or is being sent.
    Queued,
    /// The mail server has accepted it.
    Sent,
    /// The server has given it up.
    Failed,
}

/// Filters for messages. All given conditions must match.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageFilter {
    /// Only messages in this state.
    pub state: Option<MessageState>,
    /// Only messages about this account.
    pub user: Option<UserId>,
}

/// The record of a message. It has no link and no code.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// The identifier.
    pub id: MessageId,
    /// The name of the kind.
    pub kind: String,
    /// The state.
    pub state: MessageState,
    /// The account that the message is about.
    pub user: Option<UserId>,
    /// The address of the recipient.
    pub recipient: String,
    /// The number of attempts so far.
    pub attempts: i32,
    /// The time at which the message was caused.
    pub created_at: Timestamp,
    /// The time of the next attempt.
    pub next_attempt_at: Option<Timestamp>,
    /// The time at which the mail server accepted the message.
    pub sent_at: Option<Timestamp>,
    /// The error of the last attempt.
    pub error: Option<String>,
}

impl Mail {
    /// Finds a message.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: MessageId) -> Result<Option<MessageRecord>, DbErr> {
        store::find(self.0.database.reader(), id).await
    }

    /// Lists a page of the messages, newest first. Up to [`PageRequest::limit`] rows.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(
        &self,
        filter: MessageFilter,
        page: &PageRequest<MessageId>,
    ) -> Result<Vec<MessageRecord>, DbErr> {
        store::list(self.0.database.reader(), filter, page).await
    }

    /// Deletes the messages about an account, also those that were not sent yet.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn delete_of(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        store::delete_of(transaction, user).await
    }

    /// Makes one message due that waits for its next attempt, or all. Returns their number.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn retry(&self, id: Option<MessageId>) -> Result<u64, DbErr> {
        store::retry(self.0.database.writer(), id, self.0.clock.now()).await
    }

    /// Suppresses an address, so that no message is sent to it. Returns `false` if it was suppressed before.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn suppress(&self, address: &str) -> Result<bool, DbErr> {
        store::suppress(self.0.database.writer(), &address_key(address), self.0.clock.now()).await
    }

    /// Ends the suppression of an address. Returns `false` if it was not suppressed.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn unsuppress(&self, address: &str) -> Result<bool, DbErr> {
        store::unsuppress(self.0.database.writer(), &address_key(address)).await
    }

    /// Lists the suppressed addresses, with the time of their suppression.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn suppressed(&self) -> Result<Vec<(String, Timestamp)>, DbErr> {
        store::suppressed(self.0.database.reader()).await
    }

    /// Deletes expired records of messages, at most `batch`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        let time = self.0.clock.now() - self.0.config.retention;
        store::delete_before(self.0.database.writer(), time, batch).await
    }
}

/// The key of an address, which ignores case like the keys of accounts' addresses.
pub(super) fn address_key(address: &str) -> String {
    address.trim().nfkc().collect::<String>().to_lowercase()
}
