use sea_orm::ConnectionTrait;

use super::{Account, AccountError, Accounts, DisplayName, EmailAddress, Username, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    database::broken_constraint,
    id::UserId,
};

/// An account to be.
pub struct NewAccount {
    /// Its name.
    pub username: Username,
    /// A PHC string.
    pub password_hash: String,
    /// An address that nobody has verified yet.
    pub email: Option<EmailAddress>,
    /// What to call the person.
    pub display_name: Option<DisplayName>,
    /// The roles that it holds.
    pub roles: Vec<String>,
}

impl Accounts {
    /// Makes an account in a transaction. That a name is taken is for the database to say, so two who
    /// ask at once cannot both have it.
    ///
    /// # Errors
    /// [`AccountError::UsernameTaken`], [`AccountError::UnknownRole`] or [`AccountError::TooManyScopes`].
    pub async fn create(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewAccount,
        actor: Actor<'_>,
    ) -> Result<Account, AccountError> {
        let roles = self.validate_roles(new.roles)?;
        let now = self.clock.now();
        let account = Account {
            id: UserId::generate(&self.clock),
            username: new.username.as_str().to_owned(),
            display_name: new.display_name.as_ref().map(|name| name.as_str().to_owned()),
            email: new.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: false,
            roles,
            disabled: false,
            token_version: 0,
            created_at: now,
            updated_at: now,
            last_login_at: None,
        };
        let inserted = store::insert(transaction, &account, &new.username, new.password_hash).await;
        inserted.map_err(|error| match broken_constraint(&error) {
            Some(index) if index.contains("username_key") => AccountError::UsernameTaken,
            _ => AccountError::Database(error),
        })?;
        let action = match actor {
            // Who is not signed in can make an account for themselves only.
            Actor::Client { user: None, .. } => AuditAction::UserRegistered,
            Actor::Client { user: Some(_), .. } | Actor::Bearer { .. } | Actor::Server => {
                AuditAction::UserCreated
            }
        };
        let new_event = NewEvent { action, user: Some(account.id), session: None, actor };
        self.audit.record(transaction, new_event).await?;
        Ok(account)
    }

    /// The roles, sorted, when all of them exist and an access token holds what they grant together.
    pub(super) fn validate_roles(&self, mut roles: Vec<String>) -> Result<Vec<String>, AccountError> {
        roles.sort_unstable();
        roles.dedup();
        match roles.iter().find(|role| !self.config.roles.contains_key(*role)) {
            Some(unknown) => Err(AccountError::UnknownRole(unknown.clone())),
            None if !self.config.token_holds(&roles) => Err(AccountError::TooManyScopes),
            None => Ok(roles),
        }
    }
}
