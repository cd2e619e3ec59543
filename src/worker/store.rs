//! The rows that record when a task last ran.

use entity::task_run::{Column, Entity, Model};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::OnConflict,
};

use crate::clock::Timestamp;

/// The time of a task's last run on any server. `None` if it has never run.
pub(super) async fn last_run(db: &impl ConnectionTrait, task: &str) -> Result<Option<Timestamp>, DbErr> {
    let row = Entity::find_by_id(task).one(db).await?;
    Ok(row.map(|row| row.at.0))
}

/// Records a run of a task and replaces the previous record.
pub(super) async fn record_run(db: &impl ConnectionTrait, task: &str, now: Timestamp) -> Result<(), DbErr> {
    let row = Model { task: task.to_owned(), at: Millis(now) }.into_active_model();
    let replace = OnConflict::column(Column::Task).update_column(Column::At).to_owned();
    Entity::insert(row).on_conflict(replace).exec_without_returning(db).await.map(|_| ())
}
