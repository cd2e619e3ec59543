//! Trusted devices.

use sea_orm::entity::prelude::*;

/// A row of `trusted_devices`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "trusted_devices")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The SHA-256 of the token that the device holds. Unique.
    pub token_hash: Vec<u8>,
    /// The token version of the account. With another one, the device is not trusted.
    pub token_version: i64,
    /// The User-Agent header of the last sign-in.
    pub user_agent: Option<String>,
    /// The client's address at the last sign-in.
    pub ip_address: Option<String>,
    /// Time at which the device was trusted.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the last sign-in without a second factor. Null if there was none.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
    /// Time from which on the device is no longer trusted.
    pub expires_at: ChronoUnixTimestampMillis,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
