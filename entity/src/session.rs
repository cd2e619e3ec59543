//! Sessions: one row for each sign-in on one device.

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
    /// Number of rotations of the refresh token.
    pub generation: i64,
    /// Generation of the first refresh token of the current chain.
    pub chain_began: i64,
    /// SHA-256 of the salt of the valid refresh token.
    #[sea_orm(column_type = "VarBinary(StringLen::N(32))")]
    pub salt_hash: Vec<u8>,
    /// Time of the sign-in.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the last rotation, or of the sign-in.
    pub last_used_at: ChronoUnixTimestampMillis,
    /// Time at which the refresh token expires. Each rotation extends it (sliding expiration).
    pub expires_at: ChronoUnixTimestampMillis,
    /// Time at which the session ends, regardless of refreshes.
    pub ends_at: ChronoUnixTimestampMillis,
    /// Time of the revocation. Null if the session was not revoked.
    pub revoked_at: Option<ChronoUnixTimestampMillis>,
    /// The User-Agent header of the last use.
    pub user_agent: Option<String>,
    /// The client's address at the last use.
    pub ip_address: Option<String>,
    /// Number of repetitions of the last rotation.
    pub repetitions: i32,
    /// Time of the last repetition of any rotation.
    pub repeated_at: Option<ChronoUnixTimestampMillis>,
    /// The client's address at the last repetition.
    pub repeated_from: Option<String>,
    /// Time at which the user last proved who they are. Null in rows of earlier releases: then it was the sign-in.
    pub authenticated_at: Option<ChronoUnixTimestampMillis>,
    /// The names of the methods by which they proved it, separated by spaces. Null in rows of earlier releases.
    pub methods: Option<String>,
}

/// No relations: sessions are selected by their id or their account's id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
