use secrecy::{ExposeSecret, SecretString};

use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, DisplayName, EmailAddress, NewAccount, Username},
    audit::Actor,
    passwords::PasswordContext,
};

/// An account that an administrator creates.
pub struct NewUser {
    /// The username.
    pub username: Username,
    /// The password.
    pub password: SecretString,
    /// The e-mail address, which is unverified.
    pub email: Option<EmailAddress>,
    /// The display name.
    pub display_name: Option<DisplayName>,
    /// The names of its roles.
    pub roles: Vec<String>,
}

impl Admin {
    /// Creates an account.
    ///
    /// # Errors
    /// If the username is taken, a role is unknown or exceeds the actor's scopes, the password violates the
    /// policy, or the actor may no longer act.
    pub async fn create_user(&self, new: NewUser, actor: Actor<'_>) -> Result<Account, AdminError> {
        let operation =
            Operation { target: None, roles: &new.roles.clone(), own: None, sets_credential: false };
        self.authorize_early(operation, actor).await?;
        let owner = PasswordContext {
            username: new.username.as_str(),
            email: new.email.as_ref().map(EmailAddress::as_str),
            display_name: new.display_name.as_ref().map(DisplayName::as_str),
        };
        let hasher = self.hasher_for(actor);
        let password = self.policy.validate(new.password.expose_secret(), &owner, &hasher).await?;
        let account = NewAccount {
            id: self.accounts.generate_id(),
            password_hash: hasher.hash(&password).await?,
            username: new.username,
            email: new.email,
            display_name: new.display_name,
            roles: new.roles,
            locale: None,
        };
        let transaction = self.database.begin_short().await?;
        self.authorize(&transaction, operation, actor).await?;
        let account = self.accounts.create(&transaction, account, actor).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok(account)
    }
}
