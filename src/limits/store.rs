//! The rows of the throttle.

use std::{collections::HashMap, iter, ops::RangeInclusive};

use entity::throttle::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, Statement,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, OnConflict, Query},
};

use crate::clock::Timestamp;

/// The stored count of a key.
pub(super) struct Row {
    pub(super) subject: String,
    /// The attempts so far. They are deleted at `forget_at`.
    pub(super) tries: i64,
    /// The end of its block.
    pub(super) until: Timestamp,
    /// Whether a refusal has been logged since the block began.
    pub(super) is_logged: bool,
    pub(super) forget_at: Timestamp,
}

/// The rows of those keys that have one.
pub(super) async fn find(db: &impl ConnectionTrait, keys: &[String]) -> Result<Vec<Row>, DbErr> {
    let found = Entity::find().filter(Column::Subject.is_in(keys)).all(db).await?;
    let row = |row: Model| Row {
        subject: row.subject,
        tries: row.tries,
        until: row.blocked_until.0,
        is_logged: row.logged,
        forget_at: row.forget_at.0,
    };
    Ok(found.into_iter().map(row).collect())
}

/// Marks a block as logged. Returns `false` if it was marked already.
pub(super) async fn mark_logged(db: &impl ConnectionTrait, key: &str) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Logged, Expr::value(true))
        .filter(Column::Subject.eq(key))
        .filter(Column::Logged.eq(false));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Counts an attempt under each of these keys, which are forgotten at these times. Returns the counts of the keys since
/// their rows were last expired, without those of the keys that are blocked. The rows are locked in this order, and stay
/// locked until the transaction ends.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    keys: &[(String, Timestamp)],
    now: Timestamp,
) -> Result<HashMap<String, i64>, DbErr> {
    let rows = (0..keys.len()).map(|row| format!("(${}, 1, 0, ${}, FALSE)", 2 * row + 2, 2 * row + 3));
    let sql = format!(
        "INSERT INTO throttle (subject, tries, blocked_until, forget_at, told) VALUES {} \
        ON CONFLICT (subject) DO UPDATE SET forget_at = excluded.forget_at, told = FALSE, \
        tries = CASE WHEN throttle.forget_at <= $1 THEN 1 ELSE throttle.tries + 1 END \
        WHERE throttle.blocked_until <= $1 RETURNING subject, tries",
        rows.collect::<Vec<_>>().join(", ")
    );
    let of_key =
        |(key, forget_at): &(String, Timestamp)| [key.clone().into(), forget_at.timestamp_millis().into()];
    let values = iter::once(now.timestamp_millis().into()).chain(keys.iter().flat_map(of_key));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let counted = db.query_all_raw(statement).await?;
    counted.iter().map(|row| Ok((row.try_get("", "subject")?, row.try_get("", "tries")?))).collect()
}

/// Blocks a key until `until`.
pub(super) async fn block(db: &impl ConnectionTrait, key: &str, until: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::BlockedUntil, Expr::value(Millis(until)))
        .filter(Column::Subject.eq(key))
        .exec(db)
        .await
        .map(|_| ())
}

/// Blocks a key that has no count. The row expires with the block.
pub(super) async fn block_uncounted(
    db: &impl ConnectionTrait,
    key: &str,
    until: Timestamp,
) -> Result<(), DbErr> {
    let row = Model {
        subject: key.to_owned(),
        tries: 0,
        blocked_until: Millis(until),
        logged: false,
        forget_at: Millis(until),
    };
    let again = OnConflict::column(Column::Subject)
        .update_columns([Column::BlockedUntil, Column::ForgetAt])
        .to_owned();
    let insert = Entity::insert(row.into_active_model()).on_conflict(again);
    insert.exec_without_returning(db).await.map(|_| ())
}

/// Refunds one attempt, and ends the block that it caused.
pub(super) async fn refund(db: &impl ConnectionTrait, key: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).sub(1))
        .col_expr(Column::BlockedUntil, Expr::value(0_i64))
        .filter(Column::Subject.eq(key))
        .filter(Column::Tries.gt(0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Whether a key has a row that has not expired.
pub(super) async fn exists(db: &impl ConnectionTrait, key: &str, now: Timestamp) -> Result<bool, DbErr> {
    let rows = Entity::find_by_id(key).filter(Column::ForgetAt.gt(Millis(now)));
    Ok(rows.one(db).await?.is_some())
}

/// Stores a known address, which has no count.
pub(super) async fn insert_known(
    db: &impl ConnectionTrait,
    key: &str,
    forget_at: Timestamp,
) -> Result<(), DbErr> {
    let row = Model {
        subject: key.to_owned(),
        tries: 0,
        blocked_until: Millis(Timestamp::UNIX_EPOCH),
        logged: false,
        forget_at: Millis(forget_at),
    };
    let again = OnConflict::column(Column::Subject).update_column(Column::ForgetAt).to_owned();
    let insert = Entity::insert(row.into_active_model()).on_conflict(again);
    insert.exec_without_returning(db).await.map(|_| ())
}

/// Deletes the row of a key.
pub(super) async fn delete(db: &impl ConnectionTrait, key: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(key).exec(db).await.map(|_| ())
}

/// Deletes the rows of all keys in a range.
pub(super) async fn delete_range(
    db: &impl ConnectionTrait,
    keys: RangeInclusive<String>,
) -> Result<(), DbErr> {
    let (first, last) = keys.into_inner();
    Entity::delete_many().filter(Column::Subject.between(first, last)).exec(db).await.map(|_| ())
}

/// Deletes expired rows, at most `batch`.
pub(super) async fn delete_forgotten(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Subject)
        .from(Entity)
        .and_where(Column::ForgetAt.lte(Millis(now)))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Subject.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}
