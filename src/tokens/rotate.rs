use std::time::Duration;

use sea_orm::DbErr;

use super::{
    Activation, KeyInfo, KeyState, Keyring, KeyringError, MAX_TOKEN_LIFETIME, SigningKey,
    store::{self, KeyRow},
};
use crate::{clock::Timestamp, config::SigningAlgorithm, database::Transaction};

/// Delay before an immediately activated key signs. Until then all replicas have read it, because they read the change
/// feed every second.
const PROPAGATION_DELAY: Duration = Duration::from_secs(5);

/// The keys of the database in a transaction that holds the exclusive lock, so that no other process changes them.
pub struct KeyringTransaction<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) transaction: &'a Transaction,
    pub(super) now: Timestamp,
    pub(super) rows: Vec<KeyRow>,
}

impl Keyring {
    /// Begins a transaction with the exclusive lock for changes of keys. See [`Keyring::in_transaction`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        self.database.begin_exclusive().await
    }

    /// Begins a transaction that changes the active key.
    ///
    /// # Errors
    /// [`KeyringError::FromFile`], or if the database fails.
    pub async fn begin_rotation(&self) -> Result<Transaction, KeyringError> {
        if self.from_file.is_some() {
            return Err(KeyringError::FromFile);
        }
        Ok(self.begin().await?)
    }

    /// Reads the keys in a transaction of [`Keyring::begin`] or [`Keyring::begin_rotation`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn in_transaction<'a>(
        &'a self,
        transaction: &'a Transaction,
    ) -> Result<KeyringTransaction<'a>, DbErr> {
        let rows = store::all(transaction).await?;
        Ok(KeyringTransaction { keyring: self, transaction, now: self.clock.now(), rows })
    }

    /// Whether the next key must be published now. A shared secret is never rotated automatically, because the services
    /// that verify with it must get the new one from an operator.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_rotation_due(&self) -> Result<bool, DbErr> {
        let Some(rotation_period) = self.schedule.rotation_period.filter(|_| self.from_file.is_none()) else {
            return Ok(false);
        };
        let now = self.clock.now();
        let keys = self.list().await?;
        let is_due = |key: &KeyInfo| match key.state {
            KeyState::Active { active_from, active_until: None } => {
                key.is_asymmetric() && active_from + rotation_period <= now + self.schedule.publish_ahead
            }
            _ => false,
        };
        Ok(keys.iter().any(is_due))
    }

    /// Generates a key on a blocking thread, because RSA takes long.
    ///
    /// # Errors
    /// If the system provides no random bytes.
    pub async fn generate(&self, algorithm: Option<SigningAlgorithm>) -> Result<SigningKey, KeyringError> {
        let algorithm = algorithm.unwrap_or(self.schedule.algorithm);
        let generated = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
        Ok(generated.unwrap_or(Err(super::KeyError::Generate))?)
    }
}

impl KeyringTransaction<'_> {
    /// Adds `key` as the successor of the active key.
    ///
    /// # Errors
    /// [`KeyringError::AlreadyPending`] if another key is pending and the activation is scheduled, or if the pending
    /// key becomes active within seconds; [`KeyringError::AlreadyExists`].
    pub async fn rotate(mut self, key: &SigningKey, activation: Activation) -> Result<KeyInfo, KeyringError> {
        if self.rows.iter().any(|row| row.kid == key.kid) {
            return Err(KeyringError::AlreadyExists(key.kid.clone()));
        }
        let active_from = match (self.pending(), activation) {
            (Some(next), Activation::Scheduled) => return Err(already_pending(next)),
            (None, Activation::Scheduled) => self.now + self.keyring.schedule.publish_ahead,
            (_, Activation::Immediate) => self.now + PROPAGATION_DELAY,
        };
        self.discard_pending().await?;
        let row = self.keyring.row(key, active_from)?;
        store::insert(self.transaction, &row).await?;
        self.schedule_retirement(active_from).await?;
        Ok(row.info(self.now))
    }

    /// Activates the pending key at once. Returns `None` if there is none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn activate_pending(mut self) -> Result<Option<KeyInfo>, KeyringError> {
        let Some(mut next) = self.pending().cloned() else { return Ok(None) };
        next.active_from = next.active_from.min(self.now + PROPAGATION_DELAY);
        store::update(self.transaction, &next).await?;
        self.schedule_retirement(next.active_from).await?;
        Ok(Some(next.info(self.now)))
    }

    /// Retires a key. A pending key is deleted. The active key is replaced by the pending key, otherwise by
    /// `successor`. Tokens of the retired key stay valid.
    ///
    /// # Errors
    /// [`KeyringError::Unknown`], or [`KeyringError::Retired`] if the key no longer signs.
    pub async fn retire(mut self, kid: &str, successor: &SigningKey) -> Result<(), KeyringError> {
        match self.find(kid)?.state(self.now) {
            KeyState::Pending { .. } => {
                self.discard_pending().await?;
                self.cancel_retirement().await
            }
            KeyState::Active { .. } if self.pending().is_some() => self.activate_pending().await.map(|_| ()),
            KeyState::Active { .. } => self.rotate(successor, Activation::Immediate).await.map(|_| ()),
            KeyState::Retired { .. } | KeyState::Withdrawn { .. } | KeyState::Revoked { .. } => {
                Err(KeyringError::Retired(kid.to_owned()))
            }
        }
    }

    /// Revokes a key and all its tokens, at once and on all replicas. If no key is active then, the pending key is
    /// activated, otherwise `successor`.
    ///
    /// # Errors
    /// [`KeyringError::Unknown`].
    pub async fn revoke(mut self, kid: &str, successor: &SigningKey) -> Result<(), KeyringError> {
        let mut row = self.find(kid)?.clone();
        let state = row.state(self.now);
        if matches!(state, KeyState::Revoked { .. }) {
            return Ok(());
        }
        row.revoked_at = Some(self.now);
        row.published_until = Some(self.now + MAX_TOKEN_LIFETIME);
        store::update(self.transaction, &row).await?;
        self.rows.retain(|other| other.kid != kid);
        if matches!(state, KeyState::Pending { .. }) {
            self.cancel_retirement().await?;
        }
        self.ensure_active(successor).await
    }

    /// Seals all keys with the current master secret. Returns how many were sealed with the secondary one.
    ///
    /// # Errors
    /// If a key can be unsealed with neither.
    pub async fn rewrap(self) -> Result<usize, KeyringError> {
        let mut count = 0;
        for row in &self.rows {
            if self.keyring.is_sealed_with_current(row) {
                continue;
            }
            let key = self.keyring.unseal(row)?;
            let sealed_private_key = self.keyring.seal(&row.kid, key.private_bytes())?;
            store::update(self.transaction, &KeyRow { sealed_private_key, ..row.clone() }).await?;
            count += 1;
        }
        Ok(count)
    }

    fn find(&self, kid: &str) -> Result<&KeyRow, KeyringError> {
        let row = self.rows.iter().find(|row| row.kid == kid);
        row.ok_or_else(|| KeyringError::Unknown(kid.to_owned()))
    }

    /// The pending key.
    pub(super) fn pending(&self) -> Option<&KeyRow> {
        self.rows.iter().find(|row| matches!(row.state(self.now), KeyState::Pending { .. }))
    }

    /// Deletes the pending key, unless a replica may already sign with it.
    async fn discard_pending(&mut self) -> Result<(), KeyringError> {
        let Some(next) = self.pending().cloned() else { return Ok(()) };
        if next.active_from <= self.now + PROPAGATION_DELAY {
            return Err(already_pending(&next));
        }
        self.rows.retain(|row| row.kid != next.kid);
        Ok(store::delete(self.transaction, &next.kid).await?)
    }

    /// Schedules the retirement of the active key: it signs until `at`, and is published until its last token has
    /// expired.
    async fn schedule_retirement(&mut self, at: Timestamp) -> Result<(), DbErr> {
        let published_until = at + MAX_TOKEN_LIFETIME;
        self.change_active(Some(at), Some(published_until)).await
    }

    /// Cancels the retirement of the active key, because it has no successor any more.
    async fn cancel_retirement(&mut self) -> Result<(), KeyringError> {
        Ok(self.change_active(None, None).await?)
    }

    async fn change_active(
        &mut self,
        active_until: Option<Timestamp>,
        published_until: Option<Timestamp>,
    ) -> Result<(), DbErr> {
        for row in &self.rows {
            if matches!(row.state(self.now), KeyState::Active { .. }) {
                let row = KeyRow { active_until, published_until, ..row.clone() };
                store::update(self.transaction, &row).await?;
            }
        }
        Ok(())
    }
}

fn already_pending(next: &KeyRow) -> KeyringError {
    KeyringError::AlreadyPending { kid: next.kid.clone(), active_from: next.active_from }
}
