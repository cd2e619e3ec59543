use super::{SignIn, SignInError};
use crate::{audit::Actor, graphql::Client, passwords::Presented, tokens::Claims};

impl SignIn {
    /// Deletes the account of whoever asks, with all its sessions.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] when the password is wrong, [`SignInError::RateLimited`],
    /// [`SignInError::SessionOver`], or [`SignInError::Account`] when it is the last administrator's.
    pub async fn close_account(
        &self,
        caller: &Claims,
        password: &Presented,
        client: &Client,
    ) -> Result<(), SignInError> {
        let checked = self.check_again(caller.sub, password, client).await?;
        let actor = Actor::Client { client, user: Some(caller.sub) };
        let transaction = self.accounts.begin().await?;
        // What was right while the password was compared may not be so now.
        if !self.accounts.lock_unchanged(&transaction, &checked.account).await? {
            return Err(SignInError::InvalidCredentials);
        }
        if !self.sessions.is_open(&transaction, caller.sid).await? {
            return Err(SignInError::SessionOver);
        }
        let change = self.accounts.delete(&transaction, caller.sub, actor).await?;
        Ok(self.feed.commit(transaction, &[change]).await?)
    }
}
