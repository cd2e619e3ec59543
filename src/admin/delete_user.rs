use super::{Admin, AdminError, authorize::Operation};
use crate::{audit::Actor, id::UserId};

impl Admin {
    /// Deletes an account with all its sessions.
    ///
    /// # Errors
    /// When there is no such account, it is the actor's own or beyond the actor's reach, or nobody could administer
    /// any more.
    pub async fn delete_user(&self, id: UserId, actor: Actor<'_>) -> Result<(), AdminError> {
        let transaction = self.accounts.begin().await?;
        let operation = Operation { target: Some(id), roles: &[], own: Some("deleteAccount") };
        self.authorize(&transaction, operation, actor).await?;
        let change = self.accounts.delete(&transaction, id, actor).await?;
        Ok(self.feed.commit(transaction, &[change]).await?)
    }
}
