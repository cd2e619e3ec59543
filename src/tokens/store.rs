//! The rows of the keyring.

use entity::signing_key::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, QueryOrder, prelude::ChronoUnixTimestampMillis,
};

use super::{KeyState, PublishedKey};
use crate::clock::Timestamp;

/// A stored key.
pub(super) struct KeyRow {
    pub(super) kid: String,
    pub(super) sealed_private_key: Vec<u8>,
    algorithm: String,
    created_at: Timestamp,
    active_from: Timestamp,
    active_until: Option<Timestamp>,
    published_until: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl KeyRow {
    pub(super) fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.active_until) {
            (Some(revoked_at), _) => KeyState::Revoked { revoked_at },
            (None, Some(active_until)) if active_until <= now => KeyState::Retired { active_until },
            _ if self.active_from <= now => KeyState::Active { active_from: self.active_from },
            _ => KeyState::Next { active_from: self.active_from },
        }
    }

    /// Whether its last token has lapsed.
    pub(super) fn is_withdrawn(&self, now: Timestamp) -> bool {
        self.published_until.is_some_and(|until| until <= now)
    }

    pub(super) fn into_published(self, now: Timestamp) -> PublishedKey {
        let state = self.state(now);
        PublishedKey { kid: self.kid, algorithm: self.algorithm, state, created_at: self.created_at }
    }
}

impl From<Model> for KeyRow {
    fn from(row: Model) -> Self {
        Self {
            kid: row.kid,
            sealed_private_key: row.sealed_private_key,
            algorithm: row.algorithm,
            created_at: row.created_at.0,
            active_from: row.active_from.0,
            active_until: row.active_until.map(|time| time.0),
            published_until: row.published_until.map(|time| time.0),
            revoked_at: row.revoked_at.map(|time| time.0),
        }
    }
}

/// All keys, in the order of their turn.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<KeyRow>, DbErr> {
    let rows = Entity::find().order_by_asc(Column::ActiveFrom).order_by_asc(Column::Kid).all(db).await?;
    Ok(rows.into_iter().map(KeyRow::from).collect())
}

/// Adds a key that signs from `now`.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    kid: &str,
    algorithm: String,
    sealed_private_key: Vec<u8>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        kid: Set(kid.to_owned()),
        algorithm: Set(algorithm),
        sealed_private_key: Set(sealed_private_key),
        created_at: Set(ChronoUnixTimestampMillis(now)),
        active_from: Set(ChronoUnixTimestampMillis(now)),
        active_until: Set(None),
        published_until: Set(None),
        revoked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}
