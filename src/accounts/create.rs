use sea_orm::ConnectionTrait;

use super::{Account, AccountError, Accounts, DisplayName, EmailAddress, Username, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    id::UserId,
};

/// An account to create.
pub struct NewAccount {
    /// The identifier.
    pub id: UserId,
    /// The username.
    pub username: Username,
    /// The hash of the password, as a PHC string. Empty for an account without a password.
    pub password_hash: String,
    /// The e-mail address, which is unverified.
    pub email: Option<EmailAddress>,
    /// The display name.
    pub display_name: Option<DisplayName>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// The language for messages: a BCP 47 tag.
    pub locale: Option<String>,
}

impl Accounts {
    /// Creates an account in a transaction. The unique index of the database decides whether the username is
    /// taken, so two concurrent requests cannot both get it. The same holds for names that look alike.
    ///
    /// # Errors
    /// [`AccountError::UsernameTaken`], [`AccountError::UsernameLooksTaken`], [`AccountError::UsernameReserved`],
    /// [`AccountError::UsernameInvalid`], [`AccountError::UnknownRole`] or [`AccountError::TooManyScopes`].
    pub async fn create(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewAccount,
        actor: Actor<'_>,
    ) -> Result<Account, AccountError> {
        let roles = self.validate_roles(new.roles)?;
        let email = new.email.as_ref();
        self.ensure_permitted(transaction, new.id, &new.username, email, actor).await?;
        let now = self.clock.now();
        let account = Account {
            id: new.id,
            username: new.username.as_str().to_owned(),
            display_name: new.display_name.as_ref().map(|name| name.as_str().to_owned()),
            email: new.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: false,
            pending_email: None,
            locale: new.locale,
            picture_url: None,
            metadata: None,
            app_metadata: None,
            roles,
            disabled: false,
            token_version: 0,
            created_at: now,
            updated_at: now,
            last_login_at: None,
            deletion_at: None,
        };
        // A client that is not signed in can only register its own account.
        let is_registration = matches!(actor, Actor::Client { user: None, .. });
        let must_verify = is_registration && self.config.accounts.verify_before_sign_in;
        let unverified_since = must_verify.then_some(now);
        let inserted =
            store::insert(transaction, &account, &new.username, new.password_hash, unverified_since).await;
        inserted.map_err(AccountError::of_write)?;
        let action = if is_registration { AuditAction::UserRegistered } else { AuditAction::UserCreated };
        let new_event = NewEvent { action, user: Some(account.id), session: None, actor };
        self.audit.record(transaction, new_event).await?;
        Ok(account)
    }

    /// Sorts the roles and removes duplicates. Returns an error if a role is unknown, or if an access token
    /// cannot hold all scopes of the roles.
    pub(super) fn validate_roles(&self, mut roles: Vec<String>) -> Result<Vec<String>, AccountError> {
        roles.sort_unstable();
        roles.dedup();
        match roles.iter().find(|role| !self.config.roles.contains_key(*role)) {
            Some(unknown) => Err(AccountError::UnknownRole(unknown.clone())),
            None if !self.config.token_fits(&roles) => Err(AccountError::TooManyScopes),
            None => Ok(roles),
        }
    }
}
