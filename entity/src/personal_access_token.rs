//! Personal access tokens: one row for each.

use sea_orm::entity::prelude::*;

/// A row of `personal_access_tokens`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "personal_access_tokens")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account that owns the token.
    pub user_id: Uuid,
    /// The name that the owner has given it.
    pub name: String,
    /// The scopes that the owner has given it, separated by spaces.
    pub scopes: String,
    /// The first characters of the token.
    pub hint: String,
    /// SHA-256 of the token. Unique.
    #[sea_orm(column_type = "VarBinary(StringLen::N(32))")]
    pub token_hash: Vec<u8>,
    /// Time of the creation.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time at which the token expires.
    pub expires_at: ChronoUnixTimestampMillis,
    /// Time of the last recorded use. Null if there was none.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
    /// Time of the revocation. Null if the token was not revoked.
    pub revoked_at: Option<ChronoUnixTimestampMillis>,
    /// Time at which the row may be deleted.
    pub kept_until: ChronoUnixTimestampMillis,
}

/// No relations: tokens are selected by their hash, their id or their account's id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
