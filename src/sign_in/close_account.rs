use super::{SignIn, SignInError};
use crate::{audit::Actor, graphql::Client, id::UserId, passwords::Presented};

impl SignIn {
    /// Deletes the account of whoever asks, with all its sessions.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] when the password is wrong, [`SignInError::RateLimited`], or
    /// [`SignInError::Account`] when it is the last administrator's.
    pub async fn close_account(
        &self,
        user: UserId,
        password: &Presented,
        client: &Client,
    ) -> Result<(), SignInError> {
        self.check_again(user, password, client).await?;
        let actor = Actor { user: Some(user), client: Some(client) };
        let transaction = self.accounts.begin().await?;
        let change = self.accounts.delete(&transaction, user, actor).await?;
        transaction.commit().await?;
        self.feed.apply(&change);
        Ok(())
    }
}
