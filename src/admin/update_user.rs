use secrecy::{ExposeSecret, SecretString};

use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, AccountError, AccountUpdate, DisplayName, EmailAddress},
    audit::Actor,
    id::UserId,
    passwords::PasswordContext,
};

/// What an administrator changes about an account; `None` leaves a thing as it is.
#[derive(Default)]
pub struct UserUpdate {
    /// `Some(None)` clears it.
    pub display_name: Option<Option<DisplayName>>,
    /// `Some(None)` clears it.
    pub email: Option<Option<EmailAddress>>,
    /// Replaces all roles.
    pub roles: Option<Vec<String>>,
    /// Bars the account from signing in, or lets it again.
    pub disabled: Option<bool>,
    /// Another password. It ends every session.
    pub password: Option<SecretString>,
}

impl Admin {
    /// Changes an account. Its access tokens are void when they no longer tell the truth, and its
    /// sessions end when it was disabled or has another password. With another password, or enabled again,
    /// its owner does not wait for what was guessed before.
    ///
    /// # Errors
    /// When there is no such account, it or a role is beyond the actor's reach, a role is unknown, the password does
    /// not do or is for the actor's own account, or nobody could administer any more.
    pub async fn update_user(
        &self,
        id: UserId,
        changes: UserUpdate,
        actor: Actor<'_>,
    ) -> Result<Account, AdminError> {
        let roles = changes.roles.clone().unwrap_or_default();
        let own = changes.password.as_ref().map(|_| "changePassword");
        let operation = Operation { target: Some(id), roles: &roles, own };
        self.authorize_early(operation, actor).await?;
        let password_hash = match &changes.password {
            Some(password) => Some(self.hash_for(id, password, actor).await?),
            None => None,
        };
        let changes = AccountUpdate {
            display_name: changes.display_name,
            email: changes.email,
            roles: changes.roles,
            disabled: changes.disabled,
            password_hash,
        };
        let sets_password = changes.password_hash.is_some();
        let transaction = self.accounts.begin().await?;
        self.authorize(&transaction, operation, actor).await?;
        let changed = self.accounts.change(&transaction, id, changes, actor).await?;
        if sets_password || changed.was_reenabled {
            self.throttle.reset(&transaction, id).await?;
        }
        let mut changes = if changed.must_end_sessions {
            self.sessions.revoke_all_in(&transaction, id, None, actor).await?
        } else {
            Vec::new()
        };
        changes.extend(changed.change);
        self.feed.commit(transaction, &changes).await?;
        Ok(changed.account)
    }

    async fn hash_for(
        &self,
        id: UserId,
        password: &SecretString,
        actor: Actor<'_>,
    ) -> Result<String, AdminError> {
        let account = self.accounts.find(id).await?.ok_or(AccountError::NotFound)?;
        let owner = PasswordContext {
            username: &account.username,
            email: account.email.as_deref(),
            display_name: account.display_name.as_deref(),
        };
        let hasher = self.hasher_for(actor);
        let password = self.policy.validate(password.expose_secret(), &owner, &hasher).await?;
        Ok(hasher.hash(&password).await?)
    }
}
