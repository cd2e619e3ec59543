//! The table of sessions.

mod rotate;

use entity::session::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, UpdateMany,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Query},
};

pub(super) use self::rotate::{Rotation, rotate};
use super::{Authentication, Repeated, Session};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    database::PageRequest,
    id::{SessionId, UserId},
    tokens::{Generation, RefreshToken},
};

/// A repetition of the last rotation.
pub(super) struct Repetition<'a> {
    /// The token that the rotation issued.
    pub(super) successor: &'a RefreshToken,
    pub(super) now: Timestamp,
    /// The grace period before `now` begins here.
    pub(super) grace_began: Timestamp,
    /// The maximum number of repetitions, including this one.
    pub(super) max: i32,
    pub(super) client: &'a ClientInfo,
}

/// The state of the refresh token in the row of a session.
pub(super) struct RefreshState {
    pub(super) generation: Generation,
    /// The generation with which the chain of tokens began.
    pub(super) chain_began: Generation,
    pub(super) salt_hash: Vec<u8>,
    pub(super) rotated_at: Timestamp,
    /// The number of repetitions of the last rotation.
    pub(super) repetitions: i32,
    /// The User-Agent header of the last rotation.
    pub(super) user_agent: Option<String>,
    expires_at: Timestamp,
    is_revoked: bool,
}

impl RefreshState {
    pub(super) fn is_active(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.expires_at > now
    }
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    session: &Session,
    ends_at: Timestamp,
    salt_hash: Vec<u8>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(session.id.uuid()),
        user_id: Set(session.user.uuid()),
        generation: Set(0),
        chain_began: Set(0),
        salt_hash: Set(salt_hash),
        created_at: Set(Millis(session.created_at)),
        last_used_at: Set(Millis(session.last_used_at)),
        expires_at: Set(Millis(session.expires_at)),
        ends_at: Set(Millis(ends_at)),
        revoked_at: Set(None),
        user_agent: Set(session.user_agent.clone()),
        ip_address: Set(session.ip_address.clone()),
        repetitions: Set(0),
        repeated_at: Set(None),
        repeated_from: Set(None),
        authenticated_at: Set(Some(Millis(session.authentication.at))),
        methods: Set(Some(session.authentication.stored_methods())),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Counts a repetition of the last rotation, and keeps when it happened and from where.
///
/// One conditional UPDATE checks everything that allows it, so that replicas together count no more than `max`.
/// `None` if it is not allowed.
pub(super) async fn repeat(
    db: &impl ConnectionTrait,
    repetition: &Repetition<'_>,
) -> Result<Option<Session>, DbErr> {
    let Repetition { successor, client, .. } = repetition;
    let same_agent = match &client.user_agent {
        Some(agent) => Column::UserAgent.eq(agent),
        None => Column::UserAgent.is_null(),
    };
    let update = Entity::update_many()
        .col_expr(Column::Repetitions, Expr::col(Column::Repetitions).add(1))
        .col_expr(Column::RepeatedAt, Expr::value(Millis(repetition.now)))
        .col_expr(Column::RepeatedFrom, Expr::value(client.address.to_string()))
        .filter(Column::Id.eq(successor.session.uuid()))
        .filter(Column::Generation.eq(i64::from(successor.generation.0)))
        .filter(Column::SaltHash.eq(successor.salt_hash()))
        .filter(Column::LastUsedAt.gt(Millis(repetition.grace_began)))
        .filter(Column::Repetitions.lt(repetition.max))
        .filter(same_agent);
    update_one(db, only_active(update, repetition.now)).await
}

/// Replaces the current token, whichever it is, starts a new chain, and records the authentication.
pub(super) async fn begin_chain(
    db: &impl ConnectionTrait,
    token: &RefreshToken,
    authentication: &Authentication,
    now: Timestamp,
) -> Result<Option<Session>, DbErr> {
    let update = set_token(token, now)
        .col_expr(Column::ChainBegan, Expr::value(i64::from(token.generation.0)))
        .col_expr(Column::AuthenticatedAt, Expr::value(Millis(authentication.at)))
        .col_expr(Column::Methods, Expr::value(authentication.stored_methods()));
    update_one(db, only_active(update, now)).await
}

/// Records how and when the user of a session was authenticated.
pub(super) async fn set_authentication(
    db: &impl ConnectionTrait,
    id: SessionId,
    authentication: &Authentication,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::AuthenticatedAt, Expr::value(Millis(authentication.at)))
        .col_expr(Column::Methods, Expr::value(authentication.stored_methods()));
    update.filter(Column::Id.eq(id.uuid())).exec(db).await.map(|_| ())
}

fn set_token(token: &RefreshToken, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Generation, Expr::value(i64::from(token.generation.0)))
        .col_expr(Column::SaltHash, Expr::value(token.salt_hash()))
        .col_expr(Column::LastUsedAt, Expr::value(Millis(now)))
        .col_expr(Column::Repetitions, Expr::value(0))
        .filter(Column::Id.eq(token.session.uuid()))
}

/// Restricts a query to active sessions.
fn only_active<Q: QueryFilter>(query: Q, now: Timestamp) -> Q {
    query.filter(Column::RevokedAt.is_null()).filter(Column::ExpiresAt.gt(Millis(now)))
}

pub(super) async fn state(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<RefreshState>, DbErr> {
    let row = Entity::find_by_id(id.uuid()).one(db).await?;
    let generation = |number| Generation(u32::try_from(number).unwrap_or(u32::MAX));
    Ok(row.map(|row| RefreshState {
        generation: generation(row.generation),
        chain_began: generation(row.chain_began),
        salt_hash: row.salt_hash,
        rotated_at: row.last_used_at.0,
        repetitions: row.repetitions,
        user_agent: row.user_agent,
        expires_at: row.expires_at.0,
        is_revoked: row.revoked_at.is_some(),
    }))
}

/// Locks a session until the transaction ends, and returns whether it is active.
pub(super) async fn lock(db: &impl ConnectionTrait, id: SessionId, now: Timestamp) -> Result<bool, DbErr> {
    let session = only_active(Entity::find_by_id(id.uuid()), now);
    Ok(session.lock_exclusive().one(db).await?.is_some())
}

/// Revokes a session. Returns `None` if it had already ended.
pub(super) async fn revoke(
    db: &impl ConnectionTrait,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, DbErr> {
    update_one(db, only_active(set_revoked(now).filter(Column::Id.eq(id.uuid())), now)).await
}

/// Revokes all sessions of an account except `except`.
pub(super) async fn revoke_all(
    db: &impl ConnectionTrait,
    user: UserId,
    except: Option<SessionId>,
    now: Timestamp,
) -> Result<Vec<Session>, DbErr> {
    let mut update = set_revoked(now).filter(Column::UserId.eq(user.uuid()));
    if let Some(except) = except {
        update = update.filter(Column::Id.ne(except.uuid()));
    }
    let rows = only_active(update, now).exec_with_returning(db).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// Revokes the oldest sessions of an account that has more than `max`.
pub(super) async fn revoke_oldest(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
    max: u64,
) -> Result<Vec<Session>, DbErr> {
    let newest = active_of_user(user, now).order_by_desc(Column::Id).offset(max).limit(1);
    let Some(first_too_many) = newest.one(db).await? else { return Ok(Vec::new()) };
    let update =
        set_revoked(now).filter(Column::UserId.eq(user.uuid())).filter(Column::Id.lte(first_too_many.id));
    let rows = only_active(update, now).exec_with_returning(db).await?;
    Ok(rows.into_iter().map(read).collect())
}

fn set_revoked(now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many().col_expr(Column::RevokedAt, Expr::value(Millis(now)))
}

pub(super) async fn find(
    db: &impl ConnectionTrait,
    id: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, DbErr> {
    Ok(only_active(Entity::find_by_id(id.uuid()), now).one(db).await?.map(read))
}

/// Lists the sessions of a page, nearest to the page's end of the list first. The list has the newest first.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
    page: &PageRequest<SessionId>,
) -> Result<Vec<Session>, DbErr> {
    let rows = page.newest_first(active_of_user(user, now), Column::Id).all(db).await?;
    Ok(rows.into_iter().map(read).collect())
}

/// The newest sessions of an account, at most `max`, also those that have ended and are not deleted yet.
pub(super) async fn recent(db: &impl ConnectionTrait, user: UserId, max: u64) -> Result<Vec<Session>, DbErr> {
    let of_user = Entity::find().filter(Column::UserId.eq(user.uuid())).order_by_desc(Column::Id).limit(max);
    Ok(of_user.all(db).await?.into_iter().map(read).collect())
}

pub(super) async fn count(db: &impl ConnectionTrait, user: UserId, now: Timestamp) -> Result<u64, DbErr> {
    active_of_user(user, now).count(db).await
}

fn active_of_user(user: UserId, now: Timestamp) -> Select<Entity> {
    only_active(Entity::find().filter(Column::UserId.eq(user.uuid())), now)
}

/// Deletes at most `batch` expired sessions. A revoked session remains until it would have expired.
pub(super) async fn delete_expired(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::ExpiresAt.lte(Millis(now)))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}

/// Runs an update of at most one row.
async fn update_one(db: &impl ConnectionTrait, update: UpdateMany<Entity>) -> Result<Option<Session>, DbErr> {
    Ok(update.exec_with_returning(db).await?.pop().map(read))
}

fn read(row: Model) -> Session {
    let repeated = row.repeated_at.zip(row.repeated_from);
    Session {
        id: SessionId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        created_at: row.created_at.0,
        last_used_at: row.last_used_at.0,
        expires_at: row.expires_at.0,
        user_agent: row.user_agent,
        ip_address: row.ip_address,
        repeated: repeated.map(|(at, from)| Repeated { at: at.0, from }),
        authentication: Authentication::from_stored(
            row.authenticated_at.map_or(row.created_at.0, |time| time.0),
            row.methods.as_deref(),
        ),
    }
}
