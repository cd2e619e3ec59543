//! Recovery codes.

pub(in crate::second_factors) use entity::recovery_code::Model as RecoveryCodeRow;
use entity::recovery_code::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    prelude::ChronoUnixTimestampMillis as Millis, sea_query::Expr,
};

use crate::{clock::Timestamp, id::UserId};

/// Stores a set of codes in place of the account's previous one.
pub(in crate::second_factors) async fn replace(
    db: &impl ConnectionTrait,
    user: UserId,
    hashes: Vec<Vec<u8>>,
    now: Timestamp,
) -> Result<(), DbErr> {
    delete_of(db, user).await?;
    let row = |code_hash| ActiveModel {
        user_id: Set(user.uuid()),
        code_hash: Set(code_hash),
        created_at: Set(Millis(now)),
        used_at: Set(None),
    };
    Entity::insert_many(hashes.into_iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

/// Uses a code. Returns `false` unless the account has it and it was not used before.
pub(in crate::second_factors) async fn consume(
    db: &impl ConnectionTrait,
    user: UserId,
    code_hash: Vec<u8>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(Millis(now)))
        .filter(Column::UserId.eq(user.uuid()))
        .filter(Column::CodeHash.eq(code_hash))
        .filter(Column::UsedAt.is_null());
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// The codes of an account. Empty if it has no set.
pub(in crate::second_factors) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<RecoveryCodeRow>, DbErr> {
    Entity::find().filter(Column::UserId.eq(user.uuid())).all(db).await
}

/// Deletes the codes of an account.
pub(in crate::second_factors) async fn delete_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await.map(|_| ())
}
