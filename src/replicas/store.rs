//! The rows of the servers that run.

use entity::server::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{Replicas, Server};
use crate::clock::Timestamp;

/// The maximum number of servers that are compared.
const MAX_SERVERS: u64 = 200;

pub(super) async fn upsert(
    db: &impl ConnectionTrait,
    replica: &Replicas,
    now: Timestamp,
) -> Result<(), DbErr> {
    let settings =
        serde_json::to_string(&replica.settings).map_err(|error| DbErr::Json(error.to_string()))?;
    let row = Model {
        id: replica.id,
        address: replica.address.clone(),
        settings,
        started_at: Millis(replica.started_at),
        seen_at: Millis(now),
    };
    let again = OnConflict::column(Column::Id).update_column(Column::SeenAt).to_owned();
    let insert = Entity::insert(row.into_active_model()).on_conflict(again);
    insert.exec_without_returning(db).await.map(|_| ())
}

/// The servers other than this one that were seen after `since`.
pub(super) async fn others(
    db: &impl ConnectionTrait,
    id: Uuid,
    since: Timestamp,
) -> Result<Vec<Server>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.ne(id))
        .filter(Column::SeenAt.gt(Millis(since)))
        .limit(MAX_SERVERS)
        .all(db)
        .await?;
    // Settings that cannot be parsed were written by another release.
    let server = |row: Model| {
        let settings = serde_json::from_str(&row.settings).ok()?;
        Some(Server { address: row.address, started_at: row.started_at.0, settings })
    };
    Ok(rows.into_iter().filter_map(server).collect())
}

pub(super) async fn delete(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await.map(|_| ())
}

/// Deletes the servers that were last seen before `since` or after `until`.
pub(super) async fn delete_outside(
    db: &impl ConnectionTrait,
    since: Timestamp,
    until: Timestamp,
) -> Result<(), DbErr> {
    let is_outside = Column::SeenAt.lt(Millis(since)).or(Column::SeenAt.gt(Millis(until)));
    Entity::delete_many().filter(is_outside).exec(db).await.map(|_| ())
}
