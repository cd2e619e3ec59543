use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, AccountError},
    audit::Actor,
    id::UserId,
};

impl Admin {
    /// Removes all second factors of an account, also its passkeys, and ends its sessions: for a user who lost their factors. The
    /// user is notified.
    ///
    /// # Errors
    /// If the account does not exist, is the actor's own or exceeds the actor's scopes.
    pub async fn reset_second_factors(&self, id: UserId, actor: Actor<'_>) -> Result<Account, AdminError> {
        let transaction = self.database.begin_short().await?;
        let operation =
            Operation { target: Some(id), roles: &[], own: Some("removeTotp"), sets_credential: true };
        self.authorize(&transaction, operation, actor).await?;
        let account = self.accounts.lock(&transaction, id).await?.ok_or(AccountError::NotFound)?;
        self.second_factors.reset(&transaction, &account, actor).await?;
        self.accounts.end_factor_grace(&transaction, &account).await?;
        let changes = self.sessions.revoke_all_in(&transaction, id, None, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        self.mail.wake();
        Ok(account)
    }
}
