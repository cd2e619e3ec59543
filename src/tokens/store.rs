//! The rows of the keyring.

use std::time::Duration;

use entity::signing_key::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait,
    IntoActiveModel, QueryFilter, QueryOrder, prelude::ChronoUnixTimestampMillis as Millis, sea_query::Expr,
};

use super::{KeyInfo, KeyState};
use crate::clock::Timestamp;

/// A stored key.
#[derive(Clone)]
pub(super) struct KeyRow {
    pub(super) kid: String,
    pub(super) algorithm: String,
    pub(super) sealed_private_key: Vec<u8>,
    pub(super) created_at: Timestamp,
    pub(super) active_from: Timestamp,
    pub(super) active_until: Option<Timestamp>,
    pub(super) published_until: Option<Timestamp>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) last_used_at: Option<Timestamp>,
}

impl KeyRow {
    pub(super) fn state(&self, now: Timestamp) -> KeyState {
        let Self { active_from, active_until, .. } = *self;
        if let Some(revoked_at) = self.revoked_at {
            return KeyState::Revoked { revoked_at };
        }
        match (active_until, self.published_until) {
            (_, Some(published_until)) if published_until <= now => KeyState::Withdrawn { published_until },
            (Some(active_until), Some(published_until)) if active_until <= now => {
                KeyState::Retired { active_until, published_until }
            }
            _ if active_from <= now => KeyState::Active { active_from, active_until },
            _ => KeyState::Pending { active_from },
        }
    }

    pub(super) fn is_active(&self, now: Timestamp) -> bool {
        matches!(self.state(now), KeyState::Active { .. })
    }

    pub(super) fn info(&self, now: Timestamp) -> KeyInfo {
        KeyInfo {
            kid: self.kid.clone(),
            algorithm: self.algorithm.clone(),
            state: self.state(now),
            created_at: self.created_at,
        }
    }
}

impl From<Model> for KeyRow {
    fn from(row: Model) -> Self {
        Self {
            kid: row.kid,
            algorithm: row.algorithm,
            sealed_private_key: row.sealed_private_key,
            created_at: row.created_at.0,
            active_from: row.active_from.0,
            active_until: row.active_until.map(|time| time.0),
            published_until: row.published_until.map(|time| time.0),
            revoked_at: row.revoked_at.map(|time| time.0),
            last_used_at: row.last_used_at.map(|time| time.0),
        }
    }
}

impl From<&KeyRow> for Model {
    fn from(row: &KeyRow) -> Self {
        Self {
            kid: row.kid.clone(),
            algorithm: row.algorithm.clone(),
            sealed_private_key: row.sealed_private_key.clone(),
            created_at: Millis(row.created_at),
            active_from: Millis(row.active_from),
            active_until: row.active_until.map(Millis),
            published_until: row.published_until.map(Millis),
            revoked_at: row.revoked_at.map(Millis),
            last_used_at: row.last_used_at.map(Millis),
        }
    }
}

/// All keys, in the order in which they become active.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<KeyRow>, DbErr> {
    let rows = Entity::find().order_by_asc(Column::ActiveFrom).order_by_asc(Column::Kid).all(db).await?;
    Ok(rows.into_iter().map(KeyRow::from).collect())
}

pub(super) async fn insert(db: &impl ConnectionTrait, row: &KeyRow) -> Result<(), DbErr> {
    let row = Model::from(row).into_active_model().reset_all();
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Updates the times and the sealed private key of a key.
pub(super) async fn update(db: &impl ConnectionTrait, row: &KeyRow) -> Result<(), DbErr> {
    let row = ActiveModel {
        sealed_private_key: Set(row.sealed_private_key.clone()),
        active_from: Set(Millis(row.active_from)),
        active_until: Set(row.active_until.map(Millis)),
        published_until: Set(row.published_until.map(Millis)),
        revoked_at: Set(row.revoked_at.map(Millis)),
        ..Model::from(row).into_active_model()
    };
    Entity::update(row).exec(db).await.map(|_| ())
}

/// Records that a server signs with a key, unless a use was recorded in the last 30 seconds. A recorded time in the
/// future, from a clock that was ahead, is replaced.
pub(super) async fn record_use(db: &impl ConnectionTrait, kid: &str, now: Timestamp) -> Result<(), DbErr> {
    let recent = [Millis(now - Duration::from_secs(30)), Millis(now + Duration::from_mins(5))];
    let is_recent = Expr::col(Column::LastUsedAt).between(recent[0], recent[1]);
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(Millis(now)))
        .filter(Column::Kid.eq(kid))
        .filter(Column::LastUsedAt.is_null().or(is_recent.not()))
        .exec(db)
        .await
        .map(|_| ())
}

pub(super) async fn delete(db: &impl ConnectionTrait, kid: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(kid).exec(db).await.map(|_| ())
}

/// Deletes the keys whose publication ended before `then`.
pub(super) async fn delete_withdrawn(db: &impl ConnectionTrait, then: Timestamp) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many().filter(Column::PublishedUntil.lte(Millis(then))).exec(db).await?;
    Ok(deleted.rows_affected)
}
