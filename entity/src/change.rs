//! Changes that every replica must process.

use sea_orm::entity::prelude::*;

/// A row of `changes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    /// Increasing number. Rows may become visible in another order.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Kind of the change: `session`, `account` or `keys`.
    pub kind: String,
    /// The session or account. Null for `keys`.
    pub subject: Option<Uuid>,
    /// The account's new token version. Access tokens of an earlier version are revoked.
    /// The column keeps the name of earlier releases, because their replicas read it while a release is rolled out.
    #[sea_orm(column_name = "epoch")]
    pub token_version: Option<i64>,
    /// Time of the change.
    pub at: ChronoUnixTimestampMillis,
    /// Time at which the last access token that the change revokes expires.
    pub until: ChronoUnixTimestampMillis,
    /// Id of the transaction that wrote the row, on PostgreSQL. The database sets it.
    pub position: i64,
}

/// No relations, because a change outlives the objects that it refers to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
