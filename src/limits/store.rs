//! The rows of the throttle.

use std::ops::RangeInclusive;

use entity::throttle::{Column, Entity, Model};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, Statement,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, OnConflict, Query},
};

use crate::clock::Timestamp;

/// The stored count of a subject.
pub(super) struct Row {
    pub(super) subject: String,
    /// The tries up to `forget_at`.
    pub(super) tries: i64,
    /// The end of its wait.
    pub(super) until: Timestamp,
    /// Whether a refusal was written down since the wait began.
    pub(super) is_logged: bool,
    pub(super) forget_at: Timestamp,
}

/// The rows of those subjects that have one.
pub(super) async fn find(db: &impl ConnectionTrait, subjects: &[String]) -> Result<Vec<Row>, DbErr> {
    let found = Entity::find().filter(Column::Subject.is_in(subjects)).all(db).await?;
    let row = |row: Model| Row {
        subject: row.subject,
        tries: row.tries,
        until: row.blocked_until.0,
        is_logged: row.logged,
        forget_at: row.forget_at.0,
    };
    Ok(found.into_iter().map(row).collect())
}

/// Notes that a refusal is written down; false when one was before.
pub(super) async fn mark_logged(db: &impl ConnectionTrait, subject: &str) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Logged, Expr::value(true))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Logged.eq(false));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Counts a try and says which it is since the last pause; `None` when it comes too early. The row stays
/// locked until the transaction ends.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    subject: &str,
    now: Timestamp,
    forget_at: Timestamp,
) -> Result<Option<i64>, DbErr> {
    let sql = "INSERT INTO throttle (subject, tries, blocked_until, forget_at, told) \
        VALUES ($1, 1, 0, $3, FALSE) \
        ON CONFLICT (subject) DO UPDATE SET forget_at = excluded.forget_at, told = FALSE, \
        tries = CASE WHEN throttle.forget_at <= $2 THEN 1 ELSE throttle.tries + 1 END \
        WHERE throttle.blocked_until <= $2 RETURNING tries";
    let values = [subject.into(), now.timestamp_millis().into(), forget_at.timestamp_millis().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.query_one_raw(statement).await?.map(|row| row.try_get("", "tries")).transpose()
}

/// Lets the subject wait.
pub(super) async fn block(db: &impl ConnectionTrait, subject: &str, until: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::BlockedUntil, Expr::value(Millis(until)))
        .filter(Column::Subject.eq(subject))
        .exec(db)
        .await
        .map(|_| ())
}

/// Lets a subject wait that is not counted, and forgets it afterwards.
pub(super) async fn block_uncounted(
    db: &impl ConnectionTrait,
    subject: &str,
    until: Timestamp,
) -> Result<(), DbErr> {
    let row = Model {
        subject: subject.to_owned(),
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

/// Takes back one try, and the wait that it brought.
pub(super) async fn refund(db: &impl ConnectionTrait, subject: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).sub(1))
        .col_expr(Column::BlockedUntil, Expr::value(0_i64))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Tries.gt(0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Whether a subject is remembered.
pub(super) async fn exists(db: &impl ConnectionTrait, subject: &str, now: Timestamp) -> Result<bool, DbErr> {
    let rows = Entity::find_by_id(subject).filter(Column::ForgetAt.gt(Millis(now)));
    Ok(rows.one(db).await?.is_some())
}

/// Remembers a subject without counting it.
pub(super) async fn insert_known(
    db: &impl ConnectionTrait,
    subject: &str,
    forget_at: Timestamp,
) -> Result<(), DbErr> {
    let row = Model {
        subject: subject.to_owned(),
        tries: 0,
        blocked_until: Millis(Timestamp::UNIX_EPOCH),
        logged: false,
        forget_at: Millis(forget_at),
    };
    let again = OnConflict::column(Column::Subject).update_column(Column::ForgetAt).to_owned();
    let insert = Entity::insert(row.into_active_model()).on_conflict(again);
    insert.exec_without_returning(db).await.map(|_| ())
}

/// Forgets a subject.
pub(super) async fn delete(db: &impl ConnectionTrait, subject: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(subject).exec(db).await.map(|_| ())
}

/// Forgets every subject from the first of these to the last.
pub(super) async fn delete_range(
    db: &impl ConnectionTrait,
    subjects: RangeInclusive<String>,
) -> Result<(), DbErr> {
    let (first, last) = subjects.into_inner();
    Entity::delete_many().filter(Column::Subject.between(first, last)).exec(db).await.map(|_| ())
}

/// Deletes what is forgotten, at most `batch` rows.
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
