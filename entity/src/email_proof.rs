//! Proofs of e-mail addresses: the links and codes that were sent.

use sea_orm::entity::prelude::*;

/// A row of `email_proofs`: one link, and the code in the same message.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "email_proofs")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The permitted use of the proof.
    pub purpose: String,
    /// The account. Null if no account has the address: the row exists so that a request takes the same time.
    pub user_id: Option<Uuid>,
    /// The address that the message was sent to.
    pub email: String,
    /// The normalised address.
    pub email_key: String,
    /// The SHA-256 of the token in the link. Unique.
    pub token_hash: Vec<u8>,
    /// The SHA-256 of the challenge that the requesting client holds. Unique. Null if a client holds none.
    pub challenge_hash: Option<Vec<u8>>,
    /// The HMAC of the code in the message. Null if there is no code.
    pub code_hash: Option<Vec<u8>>,
    /// The number of wrong codes.
    pub attempts: i32,
    /// Time at which the message was requested.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time at which link and code expire.
    pub expires_at: ChronoUnixTimestampMillis,
    /// Time at which link or code was used. Null if neither was.
    pub used_at: Option<ChronoUnixTimestampMillis>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
