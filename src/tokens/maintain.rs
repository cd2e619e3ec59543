//! Key maintenance that a running server performs every minute, besides rotation.

use std::time::Duration;

use sea_orm::DbErr;

use super::{
    KeyState, Keyring, KeyringError, KeyringTransaction, MAX_TOKEN_LIFETIME, SigningKey,
    store::{self, KeyRow},
};
use crate::{clock::Timestamp, database::Database};

/// Time without use after which an active key in the database is retired, if a key file signs. Servers record the use
/// every minute, and a rolling restart takes less time.
const UNUSED_AFTER: Duration = Duration::from_mins(15);

impl Keyring {
    /// Whether the database has an active key.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_active(database: &Database, now: Timestamp) -> Result<bool, DbErr> {
        Ok(store::all(database.reader()).await?.iter().any(|row| row.is_active(now)))
    }

    /// Whether a key must be activated: the database has no active key, and no key file signs.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lacks_active(&self) -> Result<bool, DbErr> {
        Ok(self.from_file.is_none() && !Self::has_active(&self.database, self.clock.now()).await?)
    }

    /// Records that this server uses its signing key, so that no other server retires it as unused.
    ///
    /// # Errors
    /// [`KeyringError::NoActiveKey`], or if the database fails.
    pub async fn record_use(&self) -> Result<(), KeyringError> {
        let kid = &self.signer()?.kid;
        Ok(store::record_use(self.database.writer(), kid, self.clock.now()).await?)
    }

    /// Whether a key file signs, and the database has an active key that no server uses.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_unused(&self) -> Result<bool, DbErr> {
        let Some(file) = &self.from_file else { return Ok(false) };
        let (rows, now) = (store::all(self.database.reader()).await?, self.clock.now());
        Ok(rows.iter().any(|row| row.kid != file.kid && Unused::of(row, now).is_some()))
    }
}

impl KeyringTransaction<'_> {
    /// Activates a key if none is active: the first pending one, otherwise `successor`. All keys are pending if the
    /// clock was ahead when they were created.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn ensure_active(&self, successor: &SigningKey) -> Result<(), KeyringError> {
        if self.keyring.from_file.is_some() || self.rows.iter().any(|row| row.is_active(self.now)) {
            return Ok(());
        }
        match self.pending().cloned() {
            Some(mut next) => {
                next.active_from = self.now;
                store::update(self.transaction, &next).await?;
            }
            None => {
                let row = self.keyring.row(successor, self.now)?;
                store::insert(self.transaction, &row).await?;
            }
        }
        Ok(())
    }

    /// Retires the active keys that no server uses, as of their last use. For a key without a recorded use, a use is
    /// recorded now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn retire_unused(&self) -> Result<(), KeyringError> {
        let Some(file) = &self.keyring.from_file else { return Ok(()) };
        for row in self.rows.iter().filter(|row| row.kid != file.kid) {
            match Unused::of(row, self.now) {
                Some(Unused::NeverUsed) => store::record_use(self.transaction, &row.kid, self.now).await?,
                Some(Unused::Since(at)) => {
                    let (active_until, published_until) = (Some(at), Some(at + MAX_TOKEN_LIFETIME));
                    store::update(self.transaction, &KeyRow { active_until, published_until, ..row.clone() })
                        .await?;
                    tracing::info!(kid = row.kid, "retired a signing key that no server uses");
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Reason why an active key is unused.
enum Unused {
    /// No server has recorded a use.
    NeverUsed,
    /// The last use, at this time, was more than [`UNUSED_AFTER`] ago.
    Since(Timestamp),
}

impl Unused {
    fn of(row: &KeyRow, now: Timestamp) -> Option<Self> {
        match row.last_used_at {
            _ if !matches!(row.state(now), KeyState::Active { .. }) => None,
            None => Some(Self::NeverUsed),
            Some(at) if at + UNUSED_AFTER <= now => Some(Self::Since(at)),
            Some(_) => None,
        }
    }
}
