//! One sign-in on one device; one row for its whole life.

use sea_orm::entity::prelude::*;

/// A row of `sessions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account that signed in.
    pub user_id: Uuid,
    /// How often the refresh token was rotated.
    pub generation: i64,
    /// The generation with which the present chain of refresh tokens began.
    pub chain_began: i64,
    /// SHA-256 of the salt of the refresh token that counts.
    #[sea_orm(column_type = "VarBinary(StringLen::N(32))")]
    pub salt_hash: Vec<u8>,
    /// When the person signed in.
    pub created_at: ChronoUnixTimestampMillis,
    /// The sign-in or the last rotation.
    pub last_used_at: ChronoUnixTimestampMillis,
    /// When the refresh token lapses; moves at each rotation.
    pub expires_at: ChronoUnixTimestampMillis,
    /// When the session is over however often it is refreshed.
    pub ends_at: ChronoUnixTimestampMillis,
    /// When it was ended before its time.
    pub revoked_at: Option<ChronoUnixTimestampMillis>,
    /// The User-Agent header of the last use.
    pub user_agent: Option<String>,
    /// The client's address at the last use.
    pub ip_address: Option<String>,
    /// The number of times that the last rotation was repeated.
    pub repetitions: i32,
    /// The time of the last repetition, of this or an earlier rotation.
    pub repeated_at: Option<ChronoUnixTimestampMillis>,
    /// The client's address at the last repetition.
    pub repeated_from: Option<String>,
}

/// A session is found by its own id or its account's.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
