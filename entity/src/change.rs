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
    /// The account's new token version. Access tokens of an earlier version are revoked.
    /// The column keeps the name of earlier releases, because their replicas read it while a release is rolled out.
    #[sea_orm(column_name = "epoch")]
    pub token_version: Option<i64>,
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
