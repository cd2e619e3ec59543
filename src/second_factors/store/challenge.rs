//! Sign-ins that wait for a second factor.

pub(in crate::second_factors) use entity::sign_in_challenge::Model as ChallengeRow;
use entity::sign_in_challenge::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{clock::Timestamp, id::UserId};

pub(in crate::second_factors) async fn insert(
    db: &impl ConnectionTrait,
    row: ChallengeRow,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(row.id),
        token_hash: Set(row.token_hash),
        user_id: Set(row.user_id),
        token_version: Set(row.token_version),
        method: Set(row.method),
        client_hash: Set(row.client_hash),
        attempts: Set(row.attempts),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        sealed_secret: Set(row.sealed_secret),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// The challenge with this token that has not expired.
pub(in crate::second_factors) async fn find(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
    now: Timestamp,
) -> Result<Option<ChallengeRow>, DbErr> {
    let with_token = Entity::find().filter(Column::TokenHash.eq(token_hash));
    with_token.filter(Column::ExpiresAt.gt(Millis(now))).one(db).await
}

/// Counts an attempt. Returns `false` if the challenge was used or permits no further attempt.
pub(in crate::second_factors) async fn count_attempt(
    db: &impl ConnectionTrait,
    id: Uuid,
    max_attempts: i32,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.eq(id))
        .filter(Column::Attempts.lt(max_attempts));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// The secret of the authenticator app that a challenge adds. `None` if the challenge was used.
pub(in crate::second_factors) async fn sealed_secret(
    db: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Vec<u8>>, DbErr> {
    Ok(Entity::find_by_id(id).one(db).await?.and_then(|row| row.sealed_secret))
}

/// Deletes a challenge. Returns `false` if it was used.
pub(in crate::second_factors) async fn delete(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// Deletes the challenges of an account.
pub(in crate::second_factors) async fn delete_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await.map(|_| ())
}

/// Deletes challenges that have expired, at most `batch`.
pub(in crate::second_factors) async fn delete_expired(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let expired = Entity::find().select_only().column(Column::Id).filter(Column::ExpiresAt.lte(Millis(now)));
    let ids: Vec<Uuid> = expired.order_by_asc(Column::ExpiresAt).limit(batch).into_tuple().all(db).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(db).await?.rows_affected)
}
