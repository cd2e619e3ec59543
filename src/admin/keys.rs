use super::{Admin, AdminError};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::SigningAlgorithm,
    database::Transaction,
    tokens::{Activation, KeyInfo, KeyringError, SigningKey},
};

impl Admin {
    /// Maintains the signing keys. The background task calls this every minute.
    ///
    /// # Errors
    /// If a database query fails, or no key can sign.
    pub async fn tend_keys(&self) -> Result<(), KeyringError> {
        self.ensure_active_key().await?;
        self.keyring.record_use().await
    }

    /// Activates a key if none is active, so that users can sign in. Afterwards this server knows the active key, whichever
    /// server has activated it.
    ///
    /// # Errors
    /// If a database query fails, or the operating system provides no randomness.
    pub async fn ensure_active_key(&self) -> Result<(), KeyringError> {
        if !self.keyring.lacks_active().await? {
            // Another server may have activated a key after this server read the keys, for example if both start on an
            // empty database.
            if self.keyring.signer().is_err() {
                self.keyring.reload().await?;
            }
            return Ok(());
        }
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.ensure_active(&successor).await?;
        self.feed.commit(transaction, &[Change::KeysChanged]).await?;
        self.keyring.reload().await?;
        let key = self.keyring.signer()?;
        tracing::info!(
            kid = key.kid,
            algorithm = key.algorithm(),
            "activated a signing key, because none was active"
        );
        Ok(())
    }

    /// Retires the keys of the database if a key file signs instead and no server uses them any longer.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn retire_unused_keys(&self) -> Result<(), KeyringError> {
        if !self.keyring.has_unused().await? {
            return Ok(());
        }
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.retire_unused().await?;
        self.feed.commit(transaction, &[Change::KeysChanged]).await?;
        self.keyring.reload().await
    }

    /// Publishes the next signing key when a rotation is due. The background task calls this.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn rotate_keys_when_due(&self) -> Result<(), AdminError> {
        if !self.keyring.is_rotation_due().await.map_err(KeyringError::from)? {
            return Ok(());
        }
        match self.rotate_keys(None, Activation::Scheduled, Actor::Server).await {
            // Another replica was faster.
            Err(AdminError::Keyring(KeyringError::AlreadyPending { .. })) => Ok(()),
            rotated => rotated.map(|_| ()),
        }
    }

    /// Creates a key that replaces the active one. If a key is already pending and the activation is
    /// immediate, the pending key takes over, unless another algorithm is requested.
    ///
    /// # Errors
    /// If another key is pending and the activation is not immediate.
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

    /// Imports a key that replaces the active one.
    ///
    /// # Errors
    /// If the key already exists, or another key is pending and the activation is not immediate.
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

    /// Retires a key. Its tokens remain valid.
    ///
    /// # Errors
    /// If the key does not exist or is already retired.
    pub async fn retire_key(&self, kid: &str, actor: Actor<'_>) -> Result<(), AdminError> {
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin_rotation().await?;
        self.keyring.in_transaction(&transaction).await?.retire(kid, &successor).await?;
        self.commit_keys(transaction, AuditAction::KeysRotated, actor).await
    }

    /// Revokes a key and all its tokens immediately on every replica.
    ///
    /// # Errors
    /// If the key does not exist.
    pub async fn revoke_key(&self, kid: &str, actor: Actor<'_>) -> Result<(), AdminError> {
        let successor = self.keyring.generate(None).await?;
        let transaction = self.keyring.begin().await?;
        self.keyring.in_transaction(&transaction).await?.revoke(kid, &successor).await?;
        self.commit_keys(transaction, AuditAction::KeyRevoked, actor).await
    }

    /// Encrypts every signing key and every secret of an authenticator app under the current master secret (envelope
    /// encryption). Returns the numbers of keys and of secrets that were encrypted under the other one.
    ///
    /// # Errors
    /// If neither secret decrypts a key.
    pub async fn rewrap_keys(&self) -> Result<(usize, usize), AdminError> {
        let transaction = self.keyring.begin().await?;
        let keys = self.keyring.in_transaction(&transaction).await?.rewrap().await?;
        let secrets = self.second_factors.rewrap(&transaction).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok((keys, secrets))
    }

    /// Commits a change of the keys and publishes it to every replica.
    async fn commit_keys(
        &self,
        transaction: Transaction,
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
