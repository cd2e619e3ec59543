//! Running servers of the database.

use sea_orm::entity::prelude::*;

/// A row of `servers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "servers")]
pub struct Model {
    /// The identifier of this run of the server, a `UUIDv7`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The address on which the server listens.
    pub address: String,
    /// The settings on which the servers must agree, as a JSON object of strings. No secret is among them.
    pub settings: String,
    /// Time of the start.
    pub started_at: ChronoUnixTimestampMillis,
    /// Time at which the server last recorded that it runs.
    pub seen_at: ChronoUnixTimestampMillis,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
