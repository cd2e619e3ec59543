use super::{Admin, AdminError, authorize::Operation};
use crate::{audit::Actor, id::UserId};

impl Admin {
    /// Deletes an account and all its sessions.
    ///
    /// # Errors
    /// If the account does not exist, is the actor's own or exceeds the actor's scopes, or if no
    /// administrator would remain.
    pub async fn delete_user(&self, id: UserId, actor: Actor<'_>) -> Result<(), AdminError> {
        let transaction = self.database.begin().await?;
        let operation =
            Operation { target: Some(id), roles: &[], own: Some("deleteAccount"), sets_credential: false };
        self.authorize(&transaction, operation, actor).await?;
        let change = self.accounts.delete(&transaction, id, actor).await?;
        Ok(self.feed.commit(transaction, &[change]).await?)
    }
}
