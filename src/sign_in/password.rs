use super::{SignIn, SignInError};
use crate::{client::ClientInfo, passwords::PasswordAttempt, sessions::SignedIn};

/// What somebody types to sign in.
pub struct Login {
    /// A username, or an e-mail address that is verified.
    pub username: String,
    /// The password.
    pub password: PasswordAttempt,
}

impl SignIn {
    /// Signs somebody in by name and password.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`], [`SignInError::AccountDisabled`], [`SignInError::RateLimited`],
    /// or [`SignInError::Hash`] when too many wait already.
    pub async fn login(&self, login: Login, client: &ClientInfo) -> Result<SignedIn, SignInError> {
        let found = self.accounts.credentials(&login.username).await?;
        let checked = self.check(&login.username, found, &login.password, client).await?;
        let account = checked.account;

        let transaction = self.accounts.begin().await?;
        // The account may have changed while the password was compared: it must not get in on what
        // was true before.
        if !self.accounts.note_login(&transaction, &account, checked.replacement).await? {
            transaction.rollback().await?;
            return Err(SignInError::InvalidCredentials);
        }
        self.admit(transaction, account, client).await
    }
}
