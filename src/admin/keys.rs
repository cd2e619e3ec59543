use sea_orm::DatabaseTransaction;

use super::{Admin, AdminError};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::SigningAlgorithm,
    tokens::{Activation, KeyInfo, KeyringError, SigningKey},
};

impl Admin {
    /// Does for the keys what a running server must do every minute. The background task calls it.
    ///
    /// # Errors
    /// When the database does not answer, or no key can sign.
    pub async fn tend_keys(&self) -> Result<(), KeyringError> {
        self.ensure_active_key().await?;
        self.keyring.record_use().await
    }

    /// Lets a key sign where none does, so that people can sign in.
    ///
    /// # Errors
    /// When the database does not answer, or the system gives no randomness.
    pub async fn ensure_active_key(&self) -> Result<(), KeyringError> {
        if !self.keyring.lacks_active().await? {
            return Ok(());
        }
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.ensure_active(&successor).await?;
        self.feed.commit(transaction, &[Change::KeysChanged]).await?;
        self.keyring.reload().await?;
        let key = self.keyring.signer()?;
        tracing::info!(kid = key.kid, algorithm = key.algorithm(), "no signing key was active; this one is");
        Ok(())
    }

    /// Retires the keys of the database where a file signs and no server uses them any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn retire_unused_keys(&self) -> Result<(), KeyringError> {
        if !self.keyring.has_unused().await? {
            return Ok(());
        }
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.retire_unused().await?;
        self.feed.commit(transaction, &[Change::KeysChanged]).await?;
        self.keyring.reload().await
    }

    /// Publishes the key that signs next, when it is time for that. The background task calls it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rotate_keys_when_due(&self) -> Result<(), AdminError> {
        if !self.keyring.is_rotation_due().await.map_err(KeyringError::from)? {
            return Ok(());
        }
        match self.rotate_keys(None, Activation::Scheduled, Actor::Server).await {
            // Another replica was quicker.
            Err(AdminError::Keyring(KeyringError::AlreadyPending { .. })) => Ok(()),
            rotated => rotated.map(|_| ()),
        }
    }

    /// Makes a key that takes over from the active one. Where one waits already and there is hurry, that one
    /// takes over, unless the new one is to be of another algorithm.
    ///
    /// # Errors
    /// When another key waits and there is no hurry.
    pub async fn rotate_keys(
        &self,
        algorithm: Option<SigningAlgorithm>,
        activation: Activation,
        actor: Actor<'_>,
    ) -> Result<KeyInfo, AdminError> {
        let key = self.keyring.generate(algorithm).await?;
        let transaction = self.keyring.begin_rotation().await?;
        let activated = match (algorithm, activation) {
            (None, Activation::Immediate) => {
                self.keyring.in_transaction(&transaction).await?.activate_pending().await?
            }
            _ => None,
        };
        let info = match activated {
            Some(info) => info,
            None => self.keyring.in_transaction(&transaction).await?.rotate(&key, activation).await?,
        };
        self.commit_keys(transaction, AuditAction::KeysRotated, actor).await?;
        Ok(info)
    }

    /// Lets a key that was made elsewhere take over.
    ///
    /// # Errors
    /// When it is there already, or another waits and there is no hurry.
    pub async fn import_key(
        &self,
        key: &SigningKey,
        activation: Activation,
        actor: Actor<'_>,
    ) -> Result<KeyInfo, AdminError> {
        let transaction = self.keyring.begin_rotation().await?;
        let info = self.keyring.in_transaction(&transaction).await?.rotate(key, activation).await?;
        self.commit_keys(transaction, AuditAction::KeysRotated, actor).await?;
        Ok(info)
    }

    /// Takes a key out of service; its tokens stay good.
    ///
    /// # Errors
    /// When there is no such key, or it does not sign any more.
    pub async fn retire_key(&self, kid: &str, actor: Actor<'_>) -> Result<(), AdminError> {
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin_rotation().await?;
        self.keyring.in_transaction(&transaction).await?.retire(kid, &successor).await?;
        self.commit_keys(transaction, AuditAction::KeysRotated, actor).await
    }

    /// Withdraws a key with all its tokens, at once and everywhere.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn revoke_key(&self, kid: &str, actor: Actor<'_>) -> Result<(), AdminError> {
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.revoke(kid, &successor).await?;
        self.commit_keys(transaction, AuditAction::KeyRevoked, actor).await
    }

    /// Seals every signing key under the master secret that counts, and says how many were sealed under the
    /// other one.
    ///
    /// # Errors
    /// When a key opens with neither.
    pub async fn rewrap_keys(&self) -> Result<usize, AdminError> {
        let transaction = self.keyring.begin().await?;
        let count = self.keyring.in_transaction(&transaction).await?.rewrap().await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(count)
    }

    /// Commits a change of the keys, and lets every replica hear of it.
    async fn commit_keys(
        &self,
        transaction: DatabaseTransaction,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<(), AdminError> {
        self.accounts.lock_actor(&transaction, actor, None).await?;
        let new_event = NewEvent { action, user: None, session: None, actor };
        self.audit.record(&transaction, new_event).await?;
        self.feed.commit(transaction, &[Change::KeysChanged]).await?;
        Ok(self.keyring.reload().await?)
    }
}
