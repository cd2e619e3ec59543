use secrecy::{ExposeSecret, SecretString};

use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, AccountError, AccountUpdate, DisplayName, EmailAddress, Locale, Metadata},
    audit::Actor,
    id::UserId,
    mail::MessageKind,
    passwords::PasswordContext,
};

/// An update of an account by an administrator. `None` leaves a field unchanged.
#[derive(Default)]
pub struct UserUpdate {
    /// The display name. `Some(None)` clears it.
    pub display_name: Option<Option<DisplayName>>,
    /// The e-mail address. `Some(None)` clears it.
    pub email: Option<Option<EmailAddress>>,
    /// The language. `Some(None)` clears it.
    pub locale: Option<Option<Locale>>,
    /// The metadata that only administrators write. `Some(None)` clears it.
    pub app_metadata: Option<Option<Metadata>>,
    /// The roles that replace all previous ones.
    pub roles: Option<Vec<String>>,
    /// Whether the account is disabled, so that it cannot sign in.
    pub disabled: Option<bool>,
    /// A new password, which ends every session of the account.
    pub password: Option<SecretString>,
}

impl Admin {
    /// Updates an account. A change of anything that its access tokens state revokes them. Its sessions end
    /// if it was disabled or its password changed. A new password, or enabling the account, resets the
    /// throttle, so that earlier failed attempts do not delay the owner.
    ///
    /// # Errors
    /// If the account does not exist, it or a role exceeds the actor's scopes, a role is unknown, the
    /// password violates the policy or is for the actor's own account, or no administrator would remain.
    pub async fn update_user(
        &self,
        id: UserId,
        changes: UserUpdate,
        actor: Actor<'_>,
    ) -> Result<Account, AdminError> {
        let roles = changes.roles.clone().unwrap_or_default();
        let own = changes.password.as_ref().map(|_| "changePassword");
        let sets_credential = changes.password.is_some() || changes.email.is_some();
        let operation = Operation { target: Some(id), roles: &roles, own, sets_credential };
        self.authorize_early(operation, actor).await?;
        let password_hash = match &changes.password {
            Some(password) => Some(self.hash_for(id, password, actor).await?),
            None => None,
        };
        let changes = AccountUpdate {
            display_name: changes.display_name,
            email: changes.email,
            locale: changes.locale,
            app_metadata: changes.app_metadata,
            roles: changes.roles,
            disabled: changes.disabled,
            notice: password_hash.as_ref().map(|_| MessageKind::PasswordChanged),
            password_hash,
            ..AccountUpdate::default()
        };
        let sets_password = changes.password_hash.is_some();
        let transaction = self.database.begin_short().await?;
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
        self.mail.wake();
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
