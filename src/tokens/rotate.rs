use std::time::Duration;

use sea_orm::{DatabaseTransaction, DbErr};

use super::{
    Activation, KeyInfo, KeyState, Keyring, KeyringError, MAX_TOKEN_LIFETIME, SigningKey,
    store::{self, KeyRow},
};
use crate::{clock::Timestamp, config::SigningAlgorithm};

/// How long a key is known before it signs where nobody can wait: a replica reads the change feed every second.
const PROPAGATION_DELAY: Duration = Duration::from_secs(5);

/// The keys of the database, which nobody else changes from here to the end of the transaction.
pub struct KeyringTransaction<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) transaction: &'a DatabaseTransaction,
    pub(super) now: Timestamp,
    pub(super) rows: Vec<KeyRow>,
}

impl Keyring {
    /// Begins a transaction in which nobody else changes keys; see [`Keyring::in_transaction`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.database.begin_exclusive().await
    }

    /// Begins a transaction in which another key takes over.
    ///
    /// # Errors
    /// When a key from a file signs, or the database does not answer.
    pub async fn begin_rotation(&self) -> Result<DatabaseTransaction, KeyringError> {
        if self.from_file.is_some() {
            return Err(KeyringError::FromFile);
        }
        Ok(self.begin().await?)
    }

    /// The keys as a transaction of [`Keyring::begin`] sees them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn in_transaction<'a>(
        &'a self,
        transaction: &'a DatabaseTransaction,
    ) -> Result<KeyringTransaction<'a>, DbErr> {
        let rows = store::all(transaction).await?;
        Ok(KeyringTransaction { keyring: self, transaction, now: self.clock.now(), rows })
    }

    /// Whether it is time to publish the next key. A shared secret stays until somebody brings another, for
    /// whoever verifies with it must be told.
    ///
    /// # Errors
    /// When the database does not answer.
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

    /// Makes a key, off the async threads: RSA takes a while.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub async fn generate(&self, algorithm: Option<SigningAlgorithm>) -> Result<SigningKey, KeyringError> {
        let algorithm = algorithm.unwrap_or(self.schedule.algorithm);
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
        Ok(made.unwrap_or(Err(super::KeyError::Generate))?)
    }
}

impl KeyringTransaction<'_> {
    /// Lets a new key take over from the active one.
    ///
    /// # Errors
    /// [`KeyringError::AlreadyPending`] if another key is pending and the activation is scheduled, or if the pending key
    /// becomes active within seconds; [`KeyringError::AlreadyExists`].
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

    /// Lets the key that waits take over at once; `None` when none does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn activate_pending(mut self) -> Result<Option<KeyInfo>, KeyringError> {
        let Some(mut next) = self.pending().cloned() else { return Ok(None) };
        next.active_from = next.active_from.min(self.now + PROPAGATION_DELAY);
        store::update(self.transaction, &next).await?;
        self.schedule_retirement(next.active_from).await?;
        Ok(Some(next.info(self.now)))
    }

    /// Takes a key out of service: one that waits is dropped, and the active one hands over to the one that
    /// waits or else to `successor`. Its tokens stay good.
    ///
    /// # Errors
    /// [`KeyringError::Unknown`], or [`KeyringError::Retired`] when it does not sign any more.
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

    /// Withdraws a key with all its tokens, at once and everywhere. Where it was to sign, the key that waits or
    /// else `successor` does.
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

    /// Seals every key under the master secret that counts; says how many were sealed under the other.
    ///
    /// # Errors
    /// When a key opens with neither.
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

    /// The key that waits for its turn.
    pub(super) fn pending(&self) -> Option<&KeyRow> {
        self.rows.iter().find(|row| matches!(row.state(self.now), KeyState::Pending { .. }))
    }

    /// Takes the key that waits away, while nobody can have signed with it.
    async fn discard_pending(&mut self) -> Result<(), KeyringError> {
        let Some(next) = self.pending().cloned() else { return Ok(()) };
        if next.active_from <= self.now + PROPAGATION_DELAY {
            return Err(already_pending(&next));
        }
        self.rows.retain(|row| row.kid != next.kid);
        Ok(store::delete(self.transaction, &next.kid).await?)
    }

    /// Lets the active key sign until another does, and be published until its last token has expired.
    async fn schedule_retirement(&mut self, at: Timestamp) -> Result<(), DbErr> {
        let published_until = at + MAX_TOKEN_LIFETIME;
        self.change_active(Some(at), Some(published_until)).await
    }

    /// Lets the active key sign on, for nobody follows.
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
