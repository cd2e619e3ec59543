//! The rows of the throttle.

use entity::throttle::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, Statement,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Query},
};

use crate::clock::Timestamp;

/// What came of counting a try.
pub(super) enum Counted {
    /// It was this one since the last pause.
    Try(i64),
    /// It was not counted, for it comes too early.
    BlockedUntil(Timestamp),
}

/// Counts a try unless the subject has to wait. The row stays locked until the transaction ends.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    subject: &str,
    now: Timestamp,
    forget_at: Timestamp,
) -> Result<Counted, DbErr> {
    let sql = "INSERT INTO throttle (subject, tries, blocked_until, forget_at) VALUES ($1, 1, 0, $3) \
        ON CONFLICT (subject) DO UPDATE SET forget_at = excluded.forget_at, \
        tries = CASE WHEN throttle.forget_at <= $2 THEN 1 ELSE throttle.tries + 1 END \
        WHERE throttle.blocked_until <= $2 RETURNING tries";
    let values = [subject.into(), now.timestamp_millis().into(), forget_at.timestamp_millis().into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    if let Some(row) = db.query_one_raw(statement).await? {
        return Ok(Counted::Try(row.try_get("", "tries")?));
    }
    let row = Entity::find_by_id(subject).one(db).await?;
    Ok(Counted::BlockedUntil(row.map_or(now, |row| row.blocked_until.0)))
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

/// Takes back one try, and the wait that it brought.
pub(super) async fn take_back(db: &impl ConnectionTrait, subject: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Tries, Expr::col(Column::Tries).sub(1))
        .col_expr(Column::BlockedUntil, Expr::value(0_i64))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Tries.gt(0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Forgets a subject.
pub(super) async fn delete(db: &impl ConnectionTrait, subject: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(subject).exec(db).await.map(|_| ())
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
