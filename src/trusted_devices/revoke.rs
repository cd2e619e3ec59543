use sea_orm::{ConnectionTrait, DbErr};

use super::{TrustedDevices, store};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction, NewEvent},
    id::{TrustedDeviceId, UserId},
    tokens::TokenError,
};

impl TrustedDevices {
    /// Revokes a device of the actor. Returns `false` if the actor's account does not trust it.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`], or if a database query fails.
    pub async fn revoke(&self, id: TrustedDeviceId, actor: Actor<'_>) -> Result<bool, AccountError> {
        let transaction = self.database.begin_short().await?;
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        let user = locked.actor.ok_or(AccountError::Unauthenticated(TokenError::Revoked))?.id;
        if !store::delete(&transaction, user, id).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        let action = AuditAction::DeviceRevoked;
        self.audit.record(&transaction, NewEvent { action, user: Some(user), session: None, actor }).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(true)
    }

    /// Revokes all devices of an account, in the transaction that changes its password or its factors, or ends its
    /// sessions. The audit log has the event of that change.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn revoke_all_in(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<(), DbErr> {
        store::delete_of(transaction, user).await
    }
}
