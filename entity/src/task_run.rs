//! The last runs of background tasks.

use sea_orm::entity::prelude::*;

/// A row of `task_runs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_runs")]
pub struct Model {
    /// The name of the task.
    #[sea_orm(primary_key, auto_increment = false)]
    pub task: String,
    /// Time of the last run, by the clock of the server that ran it.
    pub at: ChronoUnixTimestampMillis,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
