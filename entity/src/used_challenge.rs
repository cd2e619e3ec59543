//! Challenges to authenticators that were used, so that none is used twice.

use sea_orm::entity::prelude::*;

/// A row of `used_challenges`. A challenge has no row before its use, because it is signed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_challenges")]
pub struct Model {
    /// A SHA-256 that is computed from the token of the challenge.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Time at which the challenge expires, and the row can be deleted.
    pub expires_at: ChronoUnixTimestampMillis,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
