//! The table of the indexes in the status lists.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use entity::{
    session,
    token_status::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, OnConflict, Query},
};

use super::Holder;
use crate::{
    clock::Timestamp,
    id::{SessionId, UserId},
    tokens::MAX_TOKEN_LIFETIME,
};

/// The time for which an index stays reserved after its release. It is longer than a revocation of its tokens is kept,
/// also if the clocks of two replicas differ.
const RESERVED_FOR: Duration = MAX_TOKEN_LIFETIME.saturating_add(Duration::from_mins(5));

/// The maximum number of values in one query.
const CHUNK: usize = 500;

/// The index of revoked tokens.
pub(super) struct RevokedIndex {
    pub(super) index: u32,
    /// The time at which the index may be reused. `None` if that is not yet known, because it is not released.
    pub(super) reserved_until: Option<Timestamp>,
}

/// Reserves an index. Returns whether it was free.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    holder: &Holder,
    index: u32,
    expires_at: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        idx: Set(column(index)),
        session_id: Set(holder.session.uuid()),
        user_id: Set(holder.user.uuid()),
        token_version: Set(holder.token_version),
        is_released: Set(false),
        kept_until: Set(Millis(expires_at)),
    };
    // A violated constraint would abort a transaction on PostgreSQL.
    let ignore = OnConflict::column(Column::Idx).do_nothing().to_owned();
    let inserted = Entity::insert(row).on_conflict(ignore).exec_without_returning(db).await?;
    Ok(inserted > 0)
}

/// The indexes of these that are reserved.
pub(super) async fn taken(db: &impl ConnectionTrait, candidates: &[u32]) -> Result<HashSet<u32>, DbErr> {
    let indexes = candidates.iter().map(|index| column(*index));
    let rows = Entity::find().filter(Column::Idx.is_in(indexes)).all(db).await?;
    Ok(rows.iter().map(index_of).collect())
}

/// The largest reserved index.
pub(super) async fn largest_index(db: &impl ConnectionTrait) -> Result<Option<u32>, DbErr> {
    let query = Entity::find().select_only().column_as(Column::Idx.max(), "largest").into_tuple();
    let largest: Option<Option<i32>> = query.one(db).await?;
    Ok(largest.flatten().and_then(|largest| u32::try_from(largest).ok()))
}

/// The index of these tokens.
pub(super) async fn find(db: &impl ConnectionTrait, holder: &Holder) -> Result<Option<u32>, DbErr> {
    let row =
        Entity::find().filter(has_tokens_of(holder)).filter(Column::IsReleased.eq(false)).one(db).await?;
    Ok(row.as_ref().map(index_of))
}

/// Takes back the released index of these tokens.
pub(super) async fn reclaim(
    db: &impl ConnectionTrait,
    holder: &Holder,
    expires_at: Timestamp,
) -> Result<Option<u32>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::IsReleased, Expr::value(false))
        .col_expr(Column::KeptUntil, Expr::value(Millis(expires_at)))
        .filter(has_tokens_of(holder));
    Ok(update.exec_with_returning(db).await?.first().map(index_of))
}

/// Releases the indexes of tokens of the session with an earlier version.
pub(super) async fn release_earlier(
    db: &impl ConnectionTrait,
    holder: &Holder,
    now: Timestamp,
) -> Result<(), DbErr> {
    let earlier = Condition::all()
        .add(Column::SessionId.eq(holder.session.uuid()))
        .add(Column::TokenVersion.lt(holder.token_version));
    release(db, earlier, now).await
}

async fn release(db: &impl ConnectionTrait, which: Condition, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::IsReleased, Expr::value(true))
        .col_expr(Column::KeptUntil, Expr::value(Millis(now + RESERVED_FOR)))
        .filter(which)
        .filter(Column::IsReleased.eq(false))
        .exec(db)
        .await
        .map(|_| ())
}

/// The indexes of the tokens of these sessions.
pub(super) async fn of_sessions(
    db: &impl ConnectionTrait,
    sessions: &[SessionId],
) -> Result<Vec<(SessionId, RevokedIndex)>, DbErr> {
    let mut found = Vec::new();
    for chunk in sessions.chunks(CHUNK) {
        let ids = chunk.iter().map(|session| session.uuid());
        let rows = Entity::find().filter(Column::SessionId.is_in(ids)).all(db).await?;
        found.extend(rows.iter().map(|row| (SessionId::from_uuid(row.session_id), RevokedIndex::read(row))));
    }
    Ok(found)
}

/// The indexes of the tokens of these accounts, with the version of the tokens.
pub(super) async fn of_accounts(
    db: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<Vec<(UserId, i64, RevokedIndex)>, DbErr> {
    let mut found = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let ids = chunk.iter().map(|user| user.uuid());
        let rows = Entity::find().filter(Column::UserId.is_in(ids)).all(db).await?;
        let read = |row: &Model| (UserId::from_uuid(row.user_id), row.token_version, RevokedIndex::read(row));
        found.extend(rows.iter().map(read));
    }
    Ok(found)
}

/// Deletes released indexes whose tokens have expired, at most `batch`.
pub(super) async fn delete_free(db: &impl ConnectionTrait, now: Timestamp, batch: u64) -> Result<u64, DbErr> {
    let is_free = Condition::all().add(Column::IsReleased.eq(true)).add(Column::KeptUntil.lte(Millis(now)));
    let free =
        Query::select().column(Column::Idx).from(Entity).cond_where(is_free.clone()).limit(batch).to_owned();
    // Both conditions, because another transaction may have reclaimed the index meanwhile.
    let delete = Entity::delete_many().filter(Column::Idx.in_subquery(free)).filter(is_free);
    Ok(delete.exec(db).await?.rows_affected)
}

/// The indexes whose session may have ended, at most `batch`.
pub(super) async fn find_due(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<Vec<Model>, DbErr> {
    let due = Entity::find().filter(Column::IsReleased.eq(false)).filter(Column::KeptUntil.lte(Millis(now)));
    due.limit(batch).all(db).await
}

/// Releases the indexes whose session has ended, and keeps the others until their session expires.
pub(super) async fn review(db: &impl ConnectionTrait, due: &[Model], now: Timestamp) -> Result<(), DbErr> {
    let active = session::Entity::find()
        .filter(session::Column::Id.is_in(due.iter().map(|row| row.session_id)))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(Millis(now)))
        .all(db)
        .await?;
    let active: HashMap<_, _> = active.into_iter().map(|session| (session.id, session.expires_at)).collect();
    let mut ended = Vec::new();
    for row in due {
        let Some(expires_at) = active.get(&row.session_id) else {
            ended.push(row.idx);
            continue;
        };
        let keep = Entity::update_many().col_expr(Column::KeptUntil, Expr::value(*expires_at));
        keep.filter(Column::Idx.eq(row.idx)).filter(Column::IsReleased.eq(false)).exec(db).await?;
    }
    let has_ended = Condition::all().add(Column::Idx.is_in(ended)).add(Column::KeptUntil.lte(Millis(now)));
    release(db, has_ended, now).await
}

fn has_tokens_of(holder: &Holder) -> Condition {
    Condition::all()
        .add(Column::SessionId.eq(holder.session.uuid()))
        .add(Column::TokenVersion.eq(holder.token_version))
}

impl RevokedIndex {
    fn read(row: &Model) -> Self {
        let reserved_until = row.is_released.then_some(row.kept_until.0);
        Self { index: index_of(row), reserved_until }
    }
}

fn column(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn index_of(row: &Model) -> u32 {
    u32::try_from(row.idx).unwrap_or_default()
}
