//! The secrets of authenticator apps.

use entity::totp_secret::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    prelude::ChronoUnixTimestampMillis as Millis, sea_query::Expr,
};
use uuid::Uuid;

use crate::{clock::Timestamp, id::UserId};

/// A secret, which is sealed.
pub(in crate::second_factors) struct TotpRow {
    pub(in crate::second_factors) id: Uuid,
    pub(in crate::second_factors) sealed_secret: Vec<u8>,
    pub(in crate::second_factors) created_at: Timestamp,
    pub(in crate::second_factors) confirmed_at: Option<Timestamp>,
    pub(in crate::second_factors) last_step: i64,
    pub(in crate::second_factors) last_used_at: Option<Timestamp>,
}

impl TotpRow {
    /// A secret whose first code, of this step, is confirmed at the same time.
    pub(in crate::second_factors) const fn confirmed_with(
        id: Uuid,
        sealed_secret: Vec<u8>,
        step: i64,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            sealed_secret,
            created_at: now,
            confirmed_at: Some(now),
            last_step: step,
            last_used_at: Some(now),
        }
    }
}

impl From<Model> for TotpRow {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            sealed_secret: row.sealed_secret,
            created_at: row.created_at.0,
            confirmed_at: row.confirmed_at.map(|time| time.0),
            last_step: row.last_step,
            last_used_at: row.last_used_at.map(|time| time.0),
        }
    }
}

/// Stores an unconfirmed secret in place of the account's previous one.
pub(in crate::second_factors) async fn replace_unconfirmed(
    db: &impl ConnectionTrait,
    user: UserId,
    (id, sealed_secret): (Uuid, Vec<u8>),
    now: Timestamp,
) -> Result<(), DbErr> {
    let of_user = Entity::delete_many().filter(Column::UserId.eq(user.uuid()));
    of_user.filter(Column::ConfirmedAt.is_null()).exec(db).await?;
    let row = ActiveModel {
        id: Set(id),
        user_id: Set(user.uuid()),
        sealed_secret: Set(sealed_secret),
        created_at: Set(Millis(now)),
        confirmed_at: Set(None),
        last_step: Set(-1),
        last_used_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Stores a secret in place of all others of the account.
pub(in crate::second_factors) async fn insert_only(
    db: &impl ConnectionTrait,
    user: UserId,
    row: TotpRow,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await?;
    let row = ActiveModel {
        id: Set(row.id),
        user_id: Set(user.uuid()),
        sealed_secret: Set(row.sealed_secret),
        created_at: Set(Millis(row.created_at)),
        confirmed_at: Set(row.confirmed_at.map(Millis)),
        last_step: Set(row.last_step),
        last_used_at: Set(row.last_used_at.map(Millis)),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// The confirmed secret of an account.
pub(in crate::second_factors) async fn confirmed(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Option<TotpRow>, DbErr> {
    let of_user = Entity::find().filter(Column::UserId.eq(user.uuid()));
    Ok(of_user.filter(Column::ConfirmedAt.is_not_null()).one(db).await?.map(TotpRow::from))
}

/// The unconfirmed secret of an account that was created after `since`.
pub(in crate::second_factors) async fn unconfirmed(
    db: &impl ConnectionTrait,
    user: UserId,
    since: Timestamp,
) -> Result<Option<TotpRow>, DbErr> {
    let of_user = Entity::find().filter(Column::UserId.eq(user.uuid()));
    let recent = of_user.filter(Column::ConfirmedAt.is_null()).filter(Column::CreatedAt.gt(Millis(since)));
    Ok(recent.one(db).await?.map(TotpRow::from))
}

/// Records an accepted code of this step. Returns `false` if a code of the same or a later step was accepted before.
pub(in crate::second_factors) async fn use_step(
    db: &impl ConnectionTrait,
    id: Uuid,
    step: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LastStep, Expr::value(step))
        .col_expr(Column::LastUsedAt, Expr::value(Millis(now)))
        .filter(Column::Id.eq(id))
        .filter(Column::LastStep.lt(step));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Refuses the codes up to this step from now on.
pub(in crate::second_factors) async fn void_until(
    db: &impl ConnectionTrait,
    id: Uuid,
    step: i64,
) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::LastStep, Expr::value(step));
    update.filter(Column::Id.eq(id)).filter(Column::LastStep.lt(step)).exec(db).await.map(|_| ())
}

/// Confirms a secret, which replaces the account's previous one.
pub(in crate::second_factors) async fn confirm(
    db: &impl ConnectionTrait,
    user: UserId,
    id: Uuid,
    now: Timestamp,
) -> Result<(), DbErr> {
    let others = Entity::delete_many().filter(Column::UserId.eq(user.uuid())).filter(Column::Id.ne(id));
    others.exec(db).await?;
    let update = Entity::update_many().col_expr(Column::ConfirmedAt, Expr::value(Millis(now)));
    update.filter(Column::Id.eq(id)).exec(db).await.map(|_| ())
}

/// Deletes the secrets of an account. Returns whether a confirmed one was among them.
pub(in crate::second_factors) async fn delete_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<bool, DbErr> {
    let had_confirmed = confirmed(db, user).await?.is_some();
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await?;
    Ok(had_confirmed)
}

/// All secrets, for a change of the master secret.
pub(in crate::second_factors) async fn all(db: &impl ConnectionTrait) -> Result<Vec<TotpRow>, DbErr> {
    Ok(Entity::find().all(db).await?.into_iter().map(TotpRow::from).collect())
}

/// Replaces the sealed form of a secret.
pub(in crate::second_factors) async fn reseal(
    db: &impl ConnectionTrait,
    id: Uuid,
    sealed_secret: Vec<u8>,
) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::SealedSecret, Expr::value(sealed_secret));
    update.filter(Column::Id.eq(id)).exec(db).await.map(|_| ())
}
