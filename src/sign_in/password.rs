use super::{SignIn, SignInError};
use crate::{client::ClientInfo, passwords::PasswordAttempt, sessions::SignedIn};

/// What somebody types to sign in.
pub struct LoginRequest {
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
    pub async fn login(&self, login: LoginRequest, client: &ClientInfo) -> Result<SignedIn, SignInError> {
        let found = self.accounts.find_credentials(&login.username).await?;
        let checked = self.verify_password(&login.username, found, &login.password, client).await?;
        let account = checked.account;

        let transaction = self.accounts.begin().await?;
        // The account may have changed while the password was compared: it must not get in on what
        // was true before.
        if !self.accounts.record_login(&transaction, &account, checked.replacement).await? {
            transaction.rollback().await?;
            return Err(SignInError::InvalidCredentials);
        }
        self.complete_sign_in(transaction, account, client).await
    }
}
