use sea_orm::ConnectionTrait;

use super::{Account, AccountError, Accounts, DisplayName, EmailAddress, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    id::UserId,
};

/// An update of an account. `None` leaves a field unchanged.
#[derive(Default)]
pub struct AccountUpdate {
    /// The display name. `Some(None)` clears it.
    pub display_name: Option<Option<DisplayName>>,
    /// The e-mail address. `Some(None)` clears it. Another address, or another spelling of it, is unverified.
    pub email: Option<Option<EmailAddress>>,
    /// The roles that replace all previous ones.
    pub roles: Option<Vec<String>>,
    /// Whether the account is disabled, so that it cannot sign in.
    pub disabled: Option<bool>,
    /// The hash of the new password, as a PHC string.
    pub password_hash: Option<String>,
}

/// The result of an update.
pub struct UpdatedAccount {
    /// The account after the update.
    pub account: Account,
    /// The change to publish with the commit. `None` if the update changed nothing.
    pub change: Option<Change>,
    /// Whether all active sessions must end, because the account was disabled or its password changed.
    pub must_end_sessions: bool,
    /// Whether the account was disabled before and is now enabled.
    pub was_reenabled: bool,
}

impl Accounts {
    /// Updates an account in a transaction.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::UnknownRole`], [`AccountError::TooManyScopes`] or
    /// [`AccountError::LastAdmin`].
    pub async fn change(
        &self,
        transaction: &impl ConnectionTrait,
        id: UserId,
        changes: AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<UpdatedAccount, AccountError> {
        let before = store::lock(transaction, id).await?.ok_or(AccountError::NotFound)?;
        if can_administer(&before) && (changes.roles.is_some() || changes.disabled.is_some()) {
            store::lock_role(transaction, ADMIN_ROLE).await?;
        }
        let mut after = before.clone();
        let sets_password = changes.password_hash.is_some();
        self.apply(&changes, &mut after)?;
        if after == before && !sets_password {
            // An update that changes nothing publishes no change, because each change invalidates a cache
            // entry on every replica.
            return Ok(UpdatedAccount {
                account: after,
                change: None,
                must_end_sessions: false,
                was_reenabled: false,
            });
        }
        let voids_tokens = sets_password || after.roles != before.roles || after.disabled != before.disabled;
        after.token_version += i64::from(voids_tokens);
        after.updated_at = self.clock.now();
        store::update(transaction, &after, changes.password_hash).await?;
        if after.roles != before.roles {
            store::replace_roles(transaction, id, &after.roles).await?;
        }
        if can_administer(&before) && !can_administer(&after) {
            self.ensure_admin_remains(transaction).await?;
        }
        for action in actions(&before, &after, sets_password) {
            let new_event = NewEvent { action, user: Some(id), session: None, actor };
            self.audit.record(transaction, new_event).await?;
        }
        let change = if voids_tokens {
            Change::TokensRevoked { user: id, token_version: after.token_version }
        } else {
            Change::AccountUpdated(id)
        };
        let must_end_sessions = sets_password || (after.disabled && !before.disabled);
        let was_reenabled = before.disabled && !after.disabled;
        Ok(UpdatedAccount { account: after, change: Some(change), must_end_sessions, was_reenabled })
    }

    fn apply(&self, changes: &AccountUpdate, account: &mut Account) -> Result<(), AccountError> {
        if let Some(display_name) = &changes.display_name {
            account.display_name = display_name.as_ref().map(|name| name.as_str().to_owned());
        }
        if let Some(email) = &changes.email {
            let email = email.as_ref().map(|email| email.as_str().to_owned());
            // An exact comparison, because the user has proven only the mailbox of the stored spelling.
            // Another spelling may be another mailbox, although both have the same key.
            account.email_verified &= email == account.email;
            account.email = email;
        }
        if let Some(roles) = &changes.roles {
            account.roles = self.validate_roles(roles.clone())?;
        }
        account.disabled = changes.disabled.unwrap_or(account.disabled);
        Ok(())
    }

    /// Returns an error if no administrator who can sign in remains. A transaction that might remove one
    /// locks the role before its first write. If two administrators remove each other at once, the second
    /// transaction therefore sees the result of the first.
    pub(super) async fn ensure_admin_remains(
        &self,
        transaction: &impl ConnectionTrait,
    ) -> Result<(), AccountError> {
        match store::count_enabled_with_role(transaction, ADMIN_ROLE).await? {
            0 => Err(AccountError::LastAdmin),
            _ => Ok(()),
        }
    }

    /// Updates the profile of an account in its own transaction.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] or [`AccountError::Unauthenticated`].
    pub async fn update_profile(
        &self,
        id: UserId,
        changes: AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<Account, AccountError> {
        let transaction = self.database.begin_short().await?;
        self.lock_actor(&transaction, actor, Some(id)).await?;
        let changed = self.change(&transaction, id, changes, actor).await?;
        self.feed.commit(transaction, changed.change.as_slice()).await?;
        Ok(changed.account)
    }
}

/// Returns whether the account is an administrator who can sign in.
pub(super) fn can_administer(account: &Account) -> bool {
    !account.disabled && account.roles.iter().any(|role| role == ADMIN_ROLE)
}

/// The actions that the audit log records for an update.
fn actions(before: &Account, after: &Account, sets_password: bool) -> Vec<AuditAction> {
    let profile = (&before.display_name, &before.email) != (&after.display_name, &after.email);
    [
        (profile, AuditAction::UserUpdated),
        (before.roles != after.roles, AuditAction::RolesChanged),
        (sets_password, AuditAction::PasswordChanged),
        (!before.disabled && after.disabled, AuditAction::UserDisabled),
        (before.disabled && !after.disabled, AuditAction::UserEnabled),
    ]
    .into_iter()
    .filter_map(|(happened, action)| happened.then_some(action))
    .collect()
}
