//! The rows of the change feed.

use std::time::Duration;

use entity::change::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::Query,
};

use super::Change;
use crate::{
    clock::Timestamp,
    id::{SessionId, UserId},
    tokens::LONGEST_TOKEN_LIFE,
};

/// How long a change is kept that revokes no token. A replica that cannot read the database for longer than this
/// reads its accounts and keys afresh anyway, because its caches have expired.
const NOTICE_LIFETIME: Duration = Duration::from_hours(1);

/// A stored change.
pub(super) struct ChangeRow {
    pub(super) id: i64,
    pub(super) change: Change,
    pub(super) until: Timestamp,
}

/// Appends changes.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    changes: &[Change],
    at: Timestamp,
) -> Result<(), DbErr> {
    let row = |change: &Change| {
        let (kind, subject, epoch) = match change {
            Change::SessionEnded(session) => ("session", Some(session.uuid()), None),
            Change::TokensVoided { user, epoch } => ("account", Some(user.uuid()), Some(*epoch)),
            Change::AccountUpdated(user) => ("account", Some(user.uuid()), None),
            Change::KeysChanged => ("keys", None, None),
        };
        ActiveModel {
            id: NotSet,
            kind: Set(kind.to_owned()),
            subject: Set(subject),
            epoch: Set(epoch),
            at: Set(Millis(at)),
            until: Set(Millis(kept_until(change, at))),
        }
    };
    Entity::insert_many(changes.iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

/// When a change may be deleted. A change that revokes tokens is kept for as long as any of them can live, whatever
/// the process that writes it is configured with.
pub(super) fn kept_until(change: &Change, at: Timestamp) -> Timestamp {
    match change {
        Change::SessionEnded(_) | Change::TokensVoided { .. } => at + LONGEST_TOKEN_LIFE,
        Change::AccountUpdated(_) | Change::KeysChanged => at + NOTICE_LIFETIME,
    }
}

/// The changes with a higher id, in the order of their ids. Those that have expired are read as well: a clock that
/// is ahead for a moment must not hide a revocation.
pub(super) async fn after(db: &impl ConnectionTrait, id: i64) -> Result<Vec<ChangeRow>, DbErr> {
    let rows = Entity::find().filter(Column::Id.gt(id)).order_by_asc(Column::Id).all(db).await?;
    Ok(rows.into_iter().filter_map(|row| ChangeRow::read(&row)).collect())
}

/// Deletes changes that no longer matter, at most `batch`.
pub(super) async fn delete_until(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Until.lte(Millis(now)))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}

impl ChangeRow {
    /// `None` for a change of a kind that a later release writes and this one does not know.
    fn read(row: &Model) -> Option<Self> {
        let change = match (row.kind.as_str(), row.subject, row.epoch) {
            ("session", Some(id), _) => Change::SessionEnded(SessionId::from_uuid(id)),
            ("account", Some(id), Some(epoch)) => Change::TokensVoided { user: UserId::from_uuid(id), epoch },
            ("account", Some(id), None) => Change::AccountUpdated(UserId::from_uuid(id)),
            ("keys", ..) => Change::KeysChanged,
            _ => return None,
        };
        Some(Self { id: row.id, change, until: row.until.0 })
    }
}
