use secrecy::{ExposeSecret, SecretString};

use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, DisplayName, EmailAddress, NewAccount, Username},
    audit::Actor,
    passwords::PasswordContext,
};

/// An account that an administrator makes.
pub struct NewUser {
    /// Its name.
    pub username: Username,
    /// Its password.
    pub password: SecretString,
    /// An address; it is not verified.
    pub email: Option<EmailAddress>,
    /// What to call the person.
    pub display_name: Option<DisplayName>,
    /// The roles that it holds.
    pub roles: Vec<String>,
}

impl Admin {
    /// Makes an account.
    ///
    /// # Errors
    /// When the name is taken, a role is unknown or beyond the actor's reach, the password does not do, or the actor
    /// may no longer act.
    pub async fn create_user(&self, new: NewUser, actor: Actor<'_>) -> Result<Account, AdminError> {
        let operation = Operation { target: None, roles: &new.roles.clone(), own: None };
        self.authorize_early(operation, actor).await?;
        let owner = PasswordContext {
            username: new.username.as_str(),
            email: new.email.as_ref().map(EmailAddress::as_str),
            display_name: new.display_name.as_ref().map(DisplayName::as_str),
        };
        let hasher = self.hasher_for(actor);
        let password = self.policy.validate(new.password.expose_secret(), &owner, &hasher).await?;
        let account = NewAccount {
            password_hash: hasher.hash(&password).await?,
            username: new.username,
            email: new.email,
            display_name: new.display_name,
            roles: new.roles,
        };
        let transaction = self.accounts.begin().await?;
        self.authorize(&transaction, operation, actor).await?;
        let account = self.accounts.create(&transaction, account, actor).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(account)
    }
}
