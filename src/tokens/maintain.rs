//! The work of a running server on its keys every minute, besides rotation.

use std::time::Duration;

use sea_orm::DbErr;

use super::{
    KeyState, Keyring, KeyringError, KeyringTransaction, MAX_TOKEN_LIFETIME, SigningKey,
    store::{self, KeyRow},
};
use crate::{clock::Timestamp, database::Database};

/// The time after which a key of the database that no server uses is retired. Servers record the use every minute,
/// and a rolling restart takes less.
const UNUSED_AFTER: Duration = Duration::from_mins(15);

impl Keyring {
    /// Whether a key of the database signs now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_active(database: &Database, now: Timestamp) -> Result<bool, DbErr> {
        Ok(store::all(database.reader()).await?.iter().any(|row| row.is_active(now)))
    }

    /// Whether the database must let a key sign: none is active, and no file signs instead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lacks_active(&self) -> Result<bool, DbErr> {
        Ok(self.from_file.is_none() && !Self::has_active(&self.database, self.clock.now()).await?)
    }

    /// Records that this server signs with its key, so that no other server takes the key for unused.
    ///
    /// # Errors
    /// [`KeyringError::NoActiveKey`], or when the database does not answer.
    pub async fn record_use(&self) -> Result<(), KeyringError> {
        let kid = &self.signer()?.kid;
        Ok(store::record_use(self.database.writer(), kid, self.clock.now()).await?)
    }

    /// Whether a file signs here, and a key of the database is active that no server uses.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_unused(&self) -> Result<bool, DbErr> {
        let Some(file) = &self.from_file else { return Ok(false) };
        let (rows, now) = (store::all(self.database.reader()).await?, self.clock.now());
        Ok(rows.iter().any(|row| row.kid != file.kid && Use::of(row, now).is_some()))
    }
}

impl KeyringTransaction<'_> {
    /// Lets a key sign if none does: the first of those that wait, otherwise `successor`. All keys may wait because
    /// the clock was ahead when they were made.
    ///
    /// # Errors
    /// When the database does not answer.
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

    /// Retires the active keys that no server uses, as of their last use. Where a use was never recorded, it is
    /// recorded now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retire_unused(&self) -> Result<(), KeyringError> {
        let Some(file) = &self.keyring.from_file else { return Ok(()) };
        for row in self.rows.iter().filter(|row| row.kid != file.kid) {
            match Use::of(row, self.now) {
                Some(Use::Unknown) => store::record_use(self.transaction, &row.kid, self.now).await?,
                Some(Use::Ended(at)) => {
                    let (active_until, published_until) = (Some(at), Some(at + MAX_TOKEN_LIFETIME));
                    store::update(self.transaction, &KeyRow { active_until, published_until, ..row.clone() })
                        .await?;
                    tracing::info!(kid = row.kid, "retired a key of the database that no server uses");
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Why an active key counts as unused.
enum Use {
    /// Nobody has recorded a use.
    Unknown,
    /// The last use is long ago.
    Ended(Timestamp),
}

impl Use {
    fn of(row: &KeyRow, now: Timestamp) -> Option<Self> {
        match row.last_used_at {
            _ if !matches!(row.state(now), KeyState::Active { .. }) => None,
            None => Some(Self::Unknown),
            Some(at) if at + UNUSED_AFTER <= now => Some(Self::Ended(at)),
            Some(_) => None,
        }
    }
}
