use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, SignInError};
use crate::{
    accounts::{DisplayName, EmailAddress, NewAccount, Username},
    audit::Actor,
    client::ClientInfo,
    hooks::{Applicant, TokenOwner},
    limits::Decision,
    passwords::PasswordContext,
    sessions::SignedIn,
};

/// A registration form.
pub struct Registration {
    /// The username.
    pub username: Username,
    /// The password.
    pub password: SecretString,
    /// The e-mail address, which is unverified.
    pub email: Option<EmailAddress>,
    /// The display name.
    pub display_name: Option<DisplayName>,
}

impl SignIn {
    /// Creates an account for the client and signs it in.
    ///
    /// # Errors
    /// [`SignInError::RegistrationClosed`], [`SignInError::RateLimited`], [`SignInError::Refused`],
    /// [`SignInError::Password`], or [`SignInError::Account`] if the username is taken.
    pub async fn register(&self, form: Registration, client: &ClientInfo) -> Result<SignedIn, SignInError> {
        if !self.config.accounts.registration_open {
            return Err(SignInError::RegistrationClosed);
        }
        if let Decision::Refused { retry_after, .. } = self.throttle.try_registration(client.address).await? {
            return Err(SignInError::RateLimited { retry_after });
        }
        let applicant = Applicant {
            username: form.username.as_str(),
            email: form.email.as_ref().map(EmailAddress::as_str),
            display_name: form.display_name.as_ref().map(DisplayName::as_str),
            address: client.address,
        };
        self.accounts.hooks().before_registration(&applicant).await?.map_err(SignInError::Refused)?;
        let owner = PasswordContext {
            username: form.username.as_str(),
            email: form.email.as_ref().map(EmailAddress::as_str),
            display_name: form.display_name.as_ref().map(DisplayName::as_str),
        };
        let hasher = self.hasher.on_behalf_of(client.address, form.username.key());
        let password = self.policy.validate(form.password.expose_secret(), &owner, &hasher).await?;
        let new = NewAccount {
            id: self.accounts.generate_id(),
            password_hash: hasher.hash(&password).await?,
            username: form.username,
            email: form.email,
            display_name: form.display_name,
            roles: self.config.accounts.default_roles.clone(),
        };

        let owner = TokenOwner { user: new.id, username: new.username.as_str(), roles: &new.roles };
        let additions = self.accounts.hooks().token_additions(&owner).await?;
        let transaction = self.database.begin_short().await?;
        let account = self.accounts.create(&transaction, new, Actor::anonymous(client)).await?;
        self.accounts.record_login(&transaction, &account, None).await?;
        self.complete_sign_in(transaction, account, additions, client).await
    }
}
