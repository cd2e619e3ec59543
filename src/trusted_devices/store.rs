//! The table of trusted devices.

use entity::trusted_device::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::TrustedDevice;
use crate::{
    accounts::Account,
    client::ClientInfo,
    clock::Timestamp,
    id::{TrustedDeviceId, UserId},
};

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    device: &TrustedDevice,
    token_version: i64,
    token_hash: Vec<u8>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(device.id.uuid()),
        user_id: Set(device.user.uuid()),
        token_hash: Set(token_hash),
        token_version: Set(token_version),
        user_agent: Set(device.user_agent.clone()),
        ip_address: Set(device.ip_address.clone()),
        created_at: Set(Millis(device.created_at)),
        last_used_at: Set(None),
        expires_at: Set(Millis(device.expires_at)),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Records a sign-in with a token of this version of the account. `None` if there is no such token, or it has expired.
pub(super) async fn use_token(
    db: &impl ConnectionTrait,
    account: &Account,
    token_hash: Vec<u8>,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<Option<TrustedDevice>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(Millis(now)))
        .col_expr(Column::UserAgent, Expr::value(client.user_agent.clone()))
        .col_expr(Column::IpAddress, Expr::value(client.address.to_string()))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UserId.eq(account.id.uuid()))
        .filter(Column::TokenVersion.eq(account.token_version))
        .filter(Column::ExpiresAt.gt(Millis(now)));
    Ok(update.exec_with_returning(db).await?.pop().map(read))
}

/// The devices of an account that are still trusted, newest first, at most `max`.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    account: &Account,
    now: Timestamp,
    max: u64,
) -> Result<Vec<TrustedDevice>, DbErr> {
    let of_user = Entity::find()
        .filter(Column::UserId.eq(account.id.uuid()))
        .filter(Column::TokenVersion.eq(account.token_version));
    let trusted = of_user.filter(Column::ExpiresAt.gt(Millis(now))).order_by_desc(Column::Id).limit(max);
    Ok(trusted.all(db).await?.into_iter().map(read).collect())
}

/// Deletes the oldest devices of an account that has more than `max`.
pub(super) async fn keep_newest(db: &impl ConnectionTrait, user: UserId, max: u64) -> Result<(), DbErr> {
    let of_user = Entity::find().select_only().column(Column::Id).filter(Column::UserId.eq(user.uuid()));
    let newest = of_user.order_by_desc(Column::Id).offset(max).limit(1);
    let Some(first_too_many) = newest.into_tuple::<Uuid>().one(db).await? else { return Ok(()) };
    let of_user = Entity::delete_many().filter(Column::UserId.eq(user.uuid()));
    of_user.filter(Column::Id.lte(first_too_many)).exec(db).await.map(|_| ())
}

/// Deletes a device of an account. Returns `false` if the account does not have it.
pub(super) async fn delete(
    db: &impl ConnectionTrait,
    user: UserId,
    id: TrustedDeviceId,
) -> Result<bool, DbErr> {
    let own = Entity::delete_by_id(id.uuid()).filter(Column::UserId.eq(user.uuid()));
    Ok(own.exec(db).await?.rows_affected == 1)
}

/// Deletes all devices of an account.
pub(super) async fn delete_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await.map(|_| ())
}

/// Deletes at most `batch` devices that are no longer trusted.
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

fn read(row: Model) -> TrustedDevice {
    TrustedDevice {
        id: TrustedDeviceId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        user_agent: row.user_agent,
        ip_address: row.ip_address,
        created_at: row.created_at.0,
        last_used_at: row.last_used_at.map(|time| time.0),
        expires_at: row.expires_at.0,
    }
}
