use sea_orm::{ConnectionTrait, DbErr};
use secrecy::{ExposeSecret, SecretString};

use super::{TrustedDevice, TrustedDevices, store};
use crate::{accounts::Account, client::ClientInfo, secret::hash_token};

impl TrustedDevices {
    /// Recognizes the trusted device of a user who has proven the first factor, and records its use, in the transaction of
    /// the sign-in. Returns `None` if the account does not trust the device.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn recognize(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        token: &SecretString,
        client: &ClientInfo,
    ) -> Result<Option<TrustedDevice>, DbErr> {
        let Some(hash) = hash_token(token.expose_secret()).filter(|_| self.is_on()) else { return Ok(None) };
        let now = self.clock.now();
        // The operator may have shortened the time since the device was trusted.
        let trusted_after = now - self.config.factors.trusted_devices;
        let found = store::use_token(transaction, account, hash, client, now).await?;
        Ok(found.filter(|device| device.created_at > trusted_after))
    }
}
