use super::{SignIn, SignInError};
use crate::{audit::Actor, client::ClientInfo, passwords::PasswordAttempt, tokens::Claims};

impl SignIn {
    /// Deletes the account of the caller and all its sessions.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the password is wrong, [`SignInError::RateLimited`], or
    /// [`SignInError::Account`] if it is the last administrator's or the caller's token was revoked in the
    /// meantime.
    pub async fn delete_account(
        &self,
        caller: &Claims,
        password: &PasswordAttempt,
        client: &ClientInfo,
    ) -> Result<(), SignInError> {
        let user = caller.account().ok_or(SignInError::SessionOver)?.user;
        self.reauthenticate(user, password, client).await?;
        let actor = Actor::Bearer { client, claims: caller, token: None };
        let transaction = self.database.begin().await?;
        // Detects a change of the password or a revocation that happened while the password was verified.
        self.accounts.lock_actor(&transaction, actor, None).await?;
        let change = self.accounts.delete(&transaction, user, actor).await?;
        Ok(self.feed.commit(transaction, &[change]).await?)
    }
}
