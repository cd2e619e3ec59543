//! The rows of the outbox, and the suppressed addresses.

use entity::{outgoing_message, suppressed_address};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QueryResult, Statement,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

use self::outgoing_message::{ActiveModel, Column, Entity, Model};
use super::{MessageFilter, MessageRecord, MessageState, NewMessage};
use crate::{
    clock::Timestamp,
    database::PageRequest,
    id::{MessageId, UserId},
};

/// The kind of a message that is discarded in place of being sent.
pub(super) const DECOY: &str = "decoy";

/// A message that this server sends, because it has the lease.
pub(super) struct ClaimedMessage {
    pub(super) id: MessageId,
    pub(super) kind: String,
    pub(super) user: Option<UserId>,
    pub(super) recipient: String,
    pub(super) locale: Option<String>,
    pub(super) sealed_variables: Option<Vec<u8>>,
    /// The number of attempts, with this one.
    pub(super) attempts: i32,
    pub(super) created_at: Timestamp,
    /// The end of the lease. Another server may then send the message.
    pub(super) lease: Timestamp,
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    id: MessageId,
    message: &NewMessage<'_>,
    sealed_variables: Vec<u8>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let kind = if message.is_decoy { DECOY } else { message.kind.name() };
    let row = ActiveModel {
        id: Set(id.uuid()),
        kind: Set(kind.to_owned()),
        user_id: Set(message.user.map(UserId::uuid)),
        recipient: Set(message.recipient.to_owned()),
        locale: Set(message.locale.map(str::to_owned)),
        sealed_variables: Set(Some(sealed_variables)),
        attempts: Set(0),
        created_at: Set(Millis(now)),
        next_attempt_at: Set(Some(Millis(now))),
        sent_at: NotSet,
        last_error: NotSet,
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Takes the lease of due messages, at most `limit`, until `lease`. No two servers get the same message.
pub(super) async fn claim(
    db: &impl ConnectionTrait,
    limit: u64,
    lease: Timestamp,
    now: Timestamp,
) -> Result<Vec<ClaimedMessage>, DbErr> {
    let backend = db.get_database_backend();
    // On SQLite, other writers wait until the statement ends.
    let lock = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE outgoing_messages SET next_attempt_at = $1, attempts = attempts + 1 WHERE id IN (\
         SELECT id FROM outgoing_messages WHERE next_attempt_at <= $2 ORDER BY next_attempt_at LIMIT $3 {lock}) \
         RETURNING id, kind, user_id, recipient, locale, sealed_variables, attempts, created_at"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [lease.timestamp_millis().into(), now.timestamp_millis().into(), limit.into()];
    let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    rows.iter().map(|row| claimed(row, lease)).collect()
}

fn claimed(row: &QueryResult, lease: Timestamp) -> Result<ClaimedMessage, DbErr> {
    let created_at: i64 = row.try_get("", "created_at")?;
    Ok(ClaimedMessage {
        id: MessageId::from_uuid(row.try_get("", "id")?),
        kind: row.try_get("", "kind")?,
        user: row.try_get::<Option<Uuid>>("", "user_id")?.map(UserId::from_uuid),
        recipient: row.try_get("", "recipient")?,
        locale: row.try_get("", "locale")?,
        sealed_variables: row.try_get("", "sealed_variables")?,
        attempts: row.try_get("", "attempts")?,
        created_at: Timestamp::from_timestamp_millis(created_at).unwrap_or_default(),
        lease,
    })
}

/// Records that a message was sent (`error` is `None`) or given up, and deletes its variables. Returns `false` if this
/// server has lost the lease.
pub(super) async fn finish(
    db: &impl ConnectionTrait,
    message: &ClaimedMessage,
    error: Option<String>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let sent_at = error.is_none().then_some(Millis(now));
    let update = Entity::update_many()
        .col_expr(Column::SentAt, Expr::value(sent_at))
        .col_expr(Column::NextAttemptAt, Expr::value(None::<i64>))
        .col_expr(Column::SealedVariables, Expr::value(None::<Vec<u8>>))
        .col_expr(Column::LastError, Expr::value(error))
        .filter(Column::Id.eq(message.id.uuid()))
        .filter(Column::NextAttemptAt.eq(Millis(message.lease)));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Records a failed attempt and the time of the next one. Does nothing if this server has lost the lease.
pub(super) async fn reschedule(
    db: &impl ConnectionTrait,
    message: &ClaimedMessage,
    error: String,
    next_attempt_at: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(Millis(next_attempt_at)))
        .col_expr(Column::LastError, Expr::value(error))
        .filter(Column::Id.eq(message.id.uuid()))
        .filter(Column::NextAttemptAt.eq(Millis(message.lease)))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes a message.
pub(super) async fn delete(db: &impl ConnectionTrait, id: MessageId) -> Result<(), DbErr> {
    Entity::delete_by_id(id.uuid()).exec(db).await.map(|_| ())
}

/// Deletes the messages about an account.
pub(super) async fn delete_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await.map(|_| ())
}

/// Makes messages due that wait for their next attempt: one of them, or all. Returns their number. A message that a
/// server is sending is among them only if its lease has expired.
pub(super) async fn retry(
    db: &impl ConnectionTrait,
    id: Option<MessageId>,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(Millis(now)))
        .filter(Column::NextAttemptAt.gt(Millis(now)))
        .filter(Column::LastError.is_not_null())
        .filter(Column::Kind.ne(DECOY));
    if let Some(id) = id {
        update = update.filter(Column::Id.eq(id.uuid()));
    }
    Ok(update.exec(db).await?.rows_affected)
}

pub(super) async fn find(db: &impl ConnectionTrait, id: MessageId) -> Result<Option<MessageRecord>, DbErr> {
    Ok(Entity::find_by_id(id.uuid()).filter(Column::Kind.ne(DECOY)).one(db).await?.map(record))
}

/// Lists a page of the messages, newest first.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    filter: MessageFilter,
    page: &PageRequest<MessageId>,
) -> Result<Vec<MessageRecord>, DbErr> {
    let query = Entity::find().filter(Column::Kind.ne(DECOY));
    let query = match filter.user {
        None => query,
        Some(user) => query.filter(Column::UserId.eq(user.uuid())),
    };
    let query = match filter.state {
        None => query,
        Some(MessageState::Queued) => query.filter(Column::NextAttemptAt.is_not_null()),
        Some(MessageState::Sent) => query.filter(Column::SentAt.is_not_null()),
        Some(MessageState::Failed) => {
            query.filter(Column::NextAttemptAt.is_null()).filter(Column::SentAt.is_null())
        }
    };
    let rows = page.newest_first(query, Column::Id).all(db).await?;
    Ok(rows.into_iter().map(record).collect())
}

fn record(row: Model) -> MessageRecord {
    MessageRecord {
        id: MessageId::from_uuid(row.id),
        state: match (row.sent_at, row.next_attempt_at) {
            (Some(_), _) => MessageState::Sent,
            (None, Some(_)) => MessageState::Queued,
            (None, None) => MessageState::Failed,
        },
        kind: row.kind,
        user: row.user_id.map(UserId::from_uuid),
        recipient: row.recipient,
        attempts: row.attempts,
        created_at: row.created_at.0,
        next_attempt_at: row.next_attempt_at.map(|time| time.0),
        sent_at: row.sent_at.map(|time| time.0),
        error: row.last_error,
    }
}

/// Deletes records of messages that were created before `time` and are not queued any more, at most `batch`.
pub(super) async fn delete_before(
    db: &impl ConnectionTrait,
    time: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let milliseconds = u64::try_from(time.timestamp_millis()).unwrap_or(0);
    // The smallest id that carries this time: a range of the primary key.
    let first_id = Uuid::from_u128(u128::from(milliseconds.min(0xffff_ffff_ffff)) << 80);
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Id.lt(first_id))
        .and_where(Column::NextAttemptAt.is_null())
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}

pub(super) async fn is_suppressed(db: &impl ConnectionTrait, key: &str) -> Result<bool, DbErr> {
    Ok(suppressed_address::Entity::find_by_id(key).one(db).await?.is_some())
}

/// Suppresses an address. Returns `false` if it was suppressed before.
pub(super) async fn suppress(db: &impl ConnectionTrait, key: &str, now: Timestamp) -> Result<bool, DbErr> {
    if is_suppressed(db, key).await? {
        return Ok(false);
    }
    let row = suppressed_address::Model { email_key: key.to_owned(), created_at: Millis(now) };
    let keep = OnConflict::column(suppressed_address::Column::EmailKey).do_nothing().to_owned();
    let insert = suppressed_address::Entity::insert(row.into_active_model()).on_conflict(keep);
    insert.exec_without_returning(db).await.map(|_| true)
}

/// Ends the suppression of an address. Returns `false` if it was not suppressed.
pub(super) async fn unsuppress(db: &impl ConnectionTrait, key: &str) -> Result<bool, DbErr> {
    Ok(suppressed_address::Entity::delete_by_id(key).exec(db).await?.rows_affected == 1)
}

/// Lists the suppressed addresses, by their keys.
pub(super) async fn suppressed(db: &impl ConnectionTrait) -> Result<Vec<(String, Timestamp)>, DbErr> {
    let query = suppressed_address::Entity::find().order_by_asc(suppressed_address::Column::EmailKey);
    let rows = query.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.email_key, row.created_at.0)).collect())
}
