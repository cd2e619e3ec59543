use sea_orm::{ConnectionTrait, DbErr};

use super::{Account, AccountError, Accounts, DisplayName, EmailAddress, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    id::UserId,
};

/// What is to change about an account; `None` leaves a thing as it is.
#[derive(Default)]
pub struct AccountUpdate {
    /// `Some(None)` clears it.
    pub display_name: Option<Option<DisplayName>>,
    /// `Some(None)` clears it. Another address, or another spelling of it, is not verified.
    pub email: Option<Option<EmailAddress>>,
    /// Replaces all roles.
    pub roles: Option<Vec<String>>,
    /// Bars the account from signing in, or lets it again.
    pub disabled: Option<bool>,
    /// A PHC string.
    pub password_hash: Option<String>,
}

/// An account that was changed.
pub struct UpdatedAccount {
    /// As it is now.
    pub account: Account,
    /// What to commit the transaction with; nothing where everything is as it was.
    pub change: Option<Change>,
    /// Whether the sessions that were open may not go on: the account was disabled, or has another
    /// password.
    pub must_end_sessions: bool,
    /// Whether it may sign in again, after it was disabled.
    pub was_reenabled: bool,
}

impl Accounts {
    /// Changes an account in a transaction.
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
            // What costs every replica something is not to be had for nothing.
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
            // Exact, because only the mailbox of the address as it is stored has been proven. Another spelling may be
            // another mailbox, although the two have the same key.
            account.email_verified &= email == account.email;
            account.email = email;
        }
        if let Some(roles) = &changes.roles {
            account.roles = self.validate_roles(roles.clone())?;
        }
        account.disabled = changes.disabled.unwrap_or(account.disabled);
        Ok(())
    }

    /// Refuses what leaves nobody who can administer. Whoever might do that has locked the role before it
    /// changed anything, so that of two who remove each other the second sees what the first has done.
    pub(super) async fn ensure_admin_remains(
        &self,
        transaction: &impl ConnectionTrait,
    ) -> Result<(), AccountError> {
        match store::count_enabled_with_role(transaction, ADMIN_ROLE).await? {
            0 => Err(AccountError::LastAdmin),
            _ => Ok(()),
        }
    }

    /// Changes an account's profile, in a transaction of its own.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] or [`AccountError::Unauthenticated`].
    pub async fn update_profile(
        &self,
        id: UserId,
        changes: AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<Account, AccountError> {
        let transaction = self.database.begin().await?;
        self.lock_actor(&transaction, actor, Some(id)).await?;
        let changed = self.change(&transaction, id, changes, actor).await?;
        self.feed.commit(transaction, changed.change.as_slice()).await?;
        Ok(changed.account)
    }

    /// Begins a transaction in which accounts are made or changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<sea_orm::DatabaseTransaction, DbErr> {
        self.database.begin().await
    }
}

/// Whether the account is an administrator who can sign in.
pub(super) fn can_administer(account: &Account) -> bool {
    !account.disabled && account.roles.iter().any(|role| role == ADMIN_ROLE)
}

/// What the audit log says of a change.
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
