//! The secrets of authenticator apps (TOTP, RFC 6238).

use sea_orm::entity::prelude::*;

/// A row of `totp_secrets`. An account has at most one confirmed and one unconfirmed secret.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp_secrets")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The secret, encrypted with a key that is derived from the master secret.
    pub sealed_secret: Vec<u8>,
    /// Time at which the secret was created.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the first code, from which on the secret is a factor. Null before.
    pub confirmed_at: Option<ChronoUnixTimestampMillis>,
    /// The time step of the last accepted code. Codes of this step and earlier ones are refused.
    pub last_step: i64,
    /// Time at which a code was last accepted. Null if none was.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
