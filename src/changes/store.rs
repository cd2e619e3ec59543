//! The rows of the change feed.

use std::time::Duration;

use entity::change::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Statement,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::Query,
};

use super::Change;
use crate::{
    clock::Timestamp,
    database::Snapshot,
    id::{PersonalAccessTokenId, SessionId, UserId},
    tokens::MAX_TOKEN_LIFETIME,
};

/// The time for which a change is kept that revokes no token. A replica that cannot read the database for longer does
/// not need the change, because its cached accounts and keys have expired.
const NOTICE_LIFETIME: Duration = Duration::from_hours(1);

/// A stored change.
pub(super) struct ChangeRow {
    pub(super) id: i64,
    /// The change. `None` for a kind that only a later release knows.
    pub(super) change: Option<Change>,
    pub(super) until: Timestamp,
}

/// Appends changes.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    changes: &[Change],
    at: Timestamp,
) -> Result<(), DbErr> {
    let row = |change: &Change| {
        let (kind, subject, token_version) = match change {
            Change::SessionEnded(session) => ("session", Some(session.uuid()), None),
            Change::PersonalAccessTokenRevoked(token) => ("pat", Some(token.uuid()), None),
            Change::TokensRevoked { user, token_version } => {
                ("account", Some(user.uuid()), Some(*token_version))
            }
            Change::AccountUpdated(user) => ("account", Some(user.uuid()), None),
            Change::KeysChanged => ("keys", None, None),
        };
        ActiveModel {
            id: NotSet,
            kind: Set(kind.to_owned()),
            subject: Set(subject),
            token_version: Set(token_version),
            at: Set(Millis(at)),
            until: Set(Millis(kept_until(change, at))),
            position: NotSet,
        }
    };
    Entity::insert_many(changes.iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

/// The time at which a change may be deleted. A change that revokes tokens is kept for the maximum lifetime of a token,
/// because replicas may have different values of `tokens.access_ttl`.
pub(super) fn kept_until(change: &Change, at: Timestamp) -> Timestamp {
    match change {
        Change::SessionEnded(_) | Change::PersonalAccessTokenRevoked(_) | Change::TokensRevoked { .. } => {
            at + MAX_TOKEN_LIFETIME
        }
        Change::AccountUpdated(_) | Change::KeysChanged => at + NOTICE_LIFETIME,
    }
}

/// The changes with a higher id, in the order of their ids. Expired ones are included, because a clock that is ahead
/// for a moment must not hide a revocation.
pub(super) async fn after_id(db: &impl ConnectionTrait, id: i64) -> Result<Vec<ChangeRow>, DbErr> {
    let rows = Entity::find().filter(Column::Id.gt(id)).order_by_asc(Column::Id).all(db).await?;
    Ok(rows.iter().map(ChangeRow::read).collect())
}

/// The changes that are not visible in a PostgreSQL snapshot, in the order of their ids. They belong to transactions that
/// began after the snapshot, or were in progress then.
pub(super) async fn after_snapshot(
    db: &impl ConnectionTrait,
    snapshot: &Snapshot,
) -> Result<Vec<ChangeRow>, DbErr> {
    let sql = "SELECT * FROM changes \
        WHERE position >= $1 OR position = ANY(string_to_array($2, ',')::bigint[])";
    let open: Vec<String> = snapshot.in_progress.iter().map(ToString::to_string).collect();
    let values = [snapshot.xmax.into(), open.join(",").into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let mut rows = Entity::find().from_raw_sql(statement).all(db).await?;
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows.iter().map(ChangeRow::read).collect())
}

/// Resets the positions of changes that were written by another PostgreSQL cluster, from which the data were copied.
/// Each cluster numbers its transactions from the start, so a higher position of the old cluster would be read each time.
pub(super) async fn reset_foreign_positions(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    // The snapshot is the statement's own, so no visible row of this cluster has a position at or after its xmax.
    let sql = "UPDATE changes SET position = 0 \
        WHERE position >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    db.execute_unprepared(sql).await.map(|_| ())
}

/// Deletes expired changes, at most `batch`.
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
    fn read(row: &Model) -> Self {
        let change = match (row.kind.as_str(), row.subject, row.token_version) {
            ("session", Some(id), _) => Some(Change::SessionEnded(SessionId::from_uuid(id))),
            ("pat", Some(id), _) => {
                Some(Change::PersonalAccessTokenRevoked(PersonalAccessTokenId::from_uuid(id)))
            }
            ("account", Some(id), Some(token_version)) => {
                Some(Change::TokensRevoked { user: UserId::from_uuid(id), token_version })
            }
            ("account", Some(id), None) => Some(Change::AccountUpdated(UserId::from_uuid(id))),
            ("keys", ..) => Some(Change::KeysChanged),
            _ => None,
        };
        Self { id: row.id, change, until: row.until.0 }
    }
}
