//! The outbox: messages to send by e-mail.

use sea_orm::entity::prelude::*;

/// A row of `outgoing_messages`. It is written in the transaction that causes the message.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outgoing_messages")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The kind of message, which is the name of its template.
    pub kind: String,
    /// The account that the message is about. Null if there is none.
    pub user_id: Option<Uuid>,
    /// The address of the recipient.
    pub recipient: String,
    /// The language of the message: a BCP 47 tag. Null for the default.
    pub locale: Option<String>,
    /// The variables of the template with tokens and codes, encrypted. Null once the message was sent or given up, and in
    /// a message to nobody.
    pub sealed_variables: Option<Vec<u8>>,
    /// The number of attempts so far.
    pub attempts: i32,
    /// Time at which the message was caused.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the next attempt. While a server sends the message, the time at which another one may take over. Null once
    /// the message was sent or given up.
    pub next_attempt_at: Option<ChronoUnixTimestampMillis>,
    /// Time at which the message was accepted by the mail server. Null if it was not.
    pub sent_at: Option<ChronoUnixTimestampMillis>,
    /// The error of the last attempt.
    pub last_error: Option<String>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
