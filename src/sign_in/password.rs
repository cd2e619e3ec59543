use secrecy::SecretString;

use super::{SignIn, SignInError, check::VerifiedAccount, complete::Authenticated};
use crate::{
    accounts::Account,
    client::ClientInfo,
    passwords::PasswordAttempt,
    sessions::{AuthenticationMethod, SignedIn},
};

/// A request to sign in with a password.
pub struct LoginRequest {
    /// A username or a verified e-mail address.
    pub username: String,
    /// The password.
    pub password: PasswordAttempt,
    /// The token of a trusted device, in place of a second factor.
    pub device: Option<SecretString>,
}

impl SignIn {
    /// Signs a user in with a username and a password.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`], [`SignInError::AccountDisabled`], [`SignInError::RateLimited`],
    /// [`SignInError::EmailNotVerified`], [`SignInError::SecondFactorRequired`], or [`SignInError::Hash`] if the queue of the hasher is full.
    pub async fn login(&self, login: LoginRequest, client: &ClientInfo) -> Result<SignedIn, SignInError> {
        let found = self.accounts.find_credentials(&login.username).await?;
        let VerifiedAccount { account, replacement, attempt } =
            self.verify_password(&login.username, found, &login.password, client).await?;
        if self.must_verify(&account) {
            self.clear_failures(&attempt).await?;
            return Err(self.ask_to_verify(&account, client).await?);
        }
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let transaction = self.database.begin_short().await?;
        // Locked before everything else, as every way to sign in does: a factor that is added at this moment is asked for.
        let version = account.token_version;
        let account = self.accounts.lock(&transaction, account.id).await?;
        let account = account.filter(|account| !account.disabled && account.token_version == version);
        let account = account.ok_or(SignInError::InvalidCredentials)?;
        self.throttle.clear_failures(&transaction, &attempt).await?;
        let methods = vec![AuthenticationMethod::Password];
        let user = Authenticated { account, methods, replacement, additions, changes: Vec::new() };
        let signed_in = self.complete_on_device(transaction, user, login.device.as_ref(), client).await;
        if matches!(signed_in, Err(SignInError::RateLimited { .. })) {
            // The transaction was rolled back, but the password was correct.
            self.clear_failures(&attempt).await?;
        }
        signed_in
    }

    /// Whether the account must verify its address before its user can sign in.
    pub(super) fn must_verify(&self, account: &Account) -> bool {
        self.config.accounts.verify_before_sign_in && account.email.is_some() && !account.email_verified
    }

    /// The error for a user with the correct password who must verify the address first. Sends the message again, unless
    /// it was sent too often.
    pub(super) async fn ask_to_verify(
        &self,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<SignInError, SignInError> {
        Ok(match self.request_own_verification(account.id, client).await {
            Ok(challenge) => SignInError::EmailNotVerified(Some(Box::new(challenge))),
            Err(SignInError::RateLimited { .. }) => SignInError::EmailNotVerified(None),
            Err(error) => return Err(error),
        })
    }
}
