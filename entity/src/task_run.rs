//! The last run of a background task.

use sea_orm::entity::prelude::*;

/// A row of `task_runs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_runs")]
pub struct Model {
    /// The name of the task.
    #[sea_orm(primary_key, auto_increment = false)]
    pub task: String,
    /// When a server last ran it, by that server's clock.
    pub at: ChronoUnixTimestampMillis,
}

/// A run belongs to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
