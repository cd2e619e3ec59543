//! What every replica must hear of.

use sea_orm::entity::prelude::*;

/// A row of `changes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    /// Grows, but rows need not appear in its order.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What changed: `session`, `account` or `keys`.
    pub kind: String,
    /// The session or account.
    pub subject: Option<Uuid>,
    /// The account's new epoch: access tokens of an earlier one are void.
    pub epoch: Option<i64>,
    /// When the change was made.
    pub at: ChronoUnixTimestampMillis,
    /// When the last access token that it voids has lapsed by itself.
    pub until: ChronoUnixTimestampMillis,
    /// The id of the transaction that wrote the row, on PostgreSQL. The database fills it in.
    pub position: i64,
}

/// A change outlives what it speaks of.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
