use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use secrecy::{ExposeSecret, SecretString};

use super::{MAX_DEVICES, TrustedDevice, TrustedDevices, store};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    id::TrustedDeviceId,
    secret::{hash_token, random_token},
};

/// The token of a device that was just trusted.
pub struct TrustedToken {
    /// The token, which is shown this once.
    pub token: SecretString,
    /// The time for which the device is trusted.
    pub lifetime: Duration,
}

impl TrustedDevices {
    /// Trusts the device of a user who has proven a second factor, in the transaction of the sign-in. The account's row is
    /// locked. Returns `None` if the server trusts no devices.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn trust(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<Option<TrustedToken>, DbErr> {
        if !self.is_on() {
            return Ok(None);
        }
        let (now, token, user) = (self.clock.now(), random_token()?, account.id);
        let lifetime = self.config.factors.trusted_devices;
        let device = TrustedDevice {
            id: TrustedDeviceId::generate(&self.clock),
            user,
            user_agent: client.user_agent.clone(),
            ip_address: Some(client.address.to_string()),
            created_at: now,
            last_used_at: None,
            expires_at: now + lifetime,
        };
        let hash = hash_token(token.expose_secret()).unwrap_or_default();
        store::insert(transaction, &device, account.token_version, hash).await?;
        store::keep_newest(transaction, user, MAX_DEVICES).await?;
        let actor = Actor::Client { client, user: Some(user) };
        let action = AuditAction::DeviceTrusted;
        self.audit.record(transaction, NewEvent { action, user: Some(user), session: None, actor }).await?;
        Ok(Some(TrustedToken { token, lifetime }))
    }
}
