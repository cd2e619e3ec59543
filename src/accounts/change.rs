use sea_orm::ConnectionTrait;

use super::{
    Account, AccountError, Accounts, DisplayName, EmailAddress, Locale, Metadata, PictureUrl, Username, store,
};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    id::UserId,
    mail::MessageKind,
};

/// An update of an account. `None` leaves a field unchanged.
#[derive(Default)]
pub struct AccountUpdate {
    /// The display name. `Some(None)` clears it.
    pub display_name: Option<Option<DisplayName>>,
    /// The e-mail address. `Some(None)` clears it. Another address, or another spelling of it, is unverified.
    pub email: Option<Option<EmailAddress>>,
    /// The language. `Some(None)` clears it.
    pub locale: Option<Option<Locale>>,
    /// The URL of a picture. `Some(None)` clears it.
    pub picture_url: Option<Option<PictureUrl>>,
    /// The metadata that the user writes. `Some(None)` clears it.
    pub metadata: Option<Option<Metadata>>,
    /// The metadata that only administrators write. `Some(None)` clears it.
    pub app_metadata: Option<Option<Metadata>>,
    /// The roles that replace all previous ones.
    pub roles: Option<Vec<String>>,
    /// Whether the account is disabled, so that it cannot sign in.
    pub disabled: Option<bool>,
    /// The hash of the new password, as a PHC string. Empty for an account without a password.
    pub password_hash: Option<String>,
    /// An address that the owner has proven: it becomes the verified address of the account.
    pub proven_email: Option<String>,
    /// A name that replaces the one of the account.
    pub username: Option<Username>,
    /// An address that replaces the verified one once its owner has proven it. `Some(None)` forgets it.
    pub pending_email: Option<Option<EmailAddress>>,
    /// The notice to send to the verified address of the account.
    pub notice: Option<MessageKind>,
    /// Whether the update undoes a change of the address. Then the replaced address receives no notice.
    pub undoes_email_change: bool,
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
        mut changes: AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<UpdatedAccount, AccountError> {
        let before = store::lock(transaction, id).await?.ok_or(AccountError::NotFound)?;
        changes.username = self.updated_username(transaction, &before, &changes, actor).await?;
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
        let voids_tokens = sets_password
            || after.roles != before.roles
            || after.disabled != before.disabled
            || after.username != before.username;
        after.token_version += i64::from(voids_tokens);
        after.updated_at = self.clock.now();
        let stored =
            store::update(transaction, &after, changes.password_hash, changes.username.as_ref()).await;
        stored.map_err(AccountError::of_write)?;
        if sets_password || after.email != before.email {
            self.proofs.void_all(transaction, id).await?;
        }
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
        if let Some(kind) = changes.notice {
            self.send_notice(transaction, kind, &before, actor).await?;
        }
        if before.email_verified && after.email != before.email && !changes.undoes_email_change {
            self.announce_email_change(transaction, &before, &after, actor).await?;
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
            account.pending_email = None;
        }
        if let Some(pending) = &changes.pending_email {
            account.pending_email = pending.as_ref().map(|email| email.as_str().to_owned());
        }
        if let Some(proven) = &changes.proven_email {
            account.email = Some(proven.clone());
            account.email_verified = true;
            account.pending_email = None;
        }
        if let Some(username) = &changes.username {
            username.as_str().clone_into(&mut account.username);
        }
        if let Some(locale) = &changes.locale {
            account.locale = locale.as_ref().map(|locale| locale.as_str().to_owned());
        }
        if let Some(url) = &changes.picture_url {
            account.picture_url = url.as_ref().map(|url| url.as_str().to_owned());
        }
        if let Some(metadata) = &changes.metadata {
            account.metadata = metadata.clone().map(Metadata::into_json);
        }
        if let Some(metadata) = &changes.app_metadata {
            account.app_metadata = metadata.clone().map(Metadata::into_json);
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
        match store::count_lasting_with_role(transaction, ADMIN_ROLE).await? {
            0 => Err(AccountError::LastAdmin),
            _ => Ok(()),
        }
    }

    /// Updates the profile of an account in its own transaction, for its user. A new address has to be verified; until
    /// then, a verified one stays. Sends the message that verifies it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::EmailRequired`] or [`AccountError::Unauthenticated`].
    pub async fn update_profile(
        &self,
        id: UserId,
        changes: AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<Account, AccountError> {
        let transaction = self.database.begin_short().await?;
        let locked = self.lock_actor(&transaction, actor, Some(id)).await?;
        let before = locked.target.ok_or(AccountError::NotFound)?;
        let changes = self.keep_verified_email(changes, &before)?;
        let changed = self.change(&transaction, id, changes, actor).await?;
        let (old, new) = (before.address_to_verify(), changed.account.address_to_verify());
        if let Some(address) = new.filter(|_| new != old) {
            self.send_verification(&transaction, &changed.account, address, actor).await?;
        }
        self.feed.commit(transaction, changed.change.as_slice()).await?;
        self.mail.wake();
        Ok(changed.account)
    }

    /// Makes another address pending, if the account has a verified one.
    fn keep_verified_email(
        &self,
        mut changes: AccountUpdate,
        account: &Account,
    ) -> Result<AccountUpdate, AccountError> {
        match changes.email.take() {
            Some(None) if self.config.accounts.verify_before_sign_in => {
                return Err(AccountError::EmailRequired);
            }
            Some(Some(email)) if account.email_verified && self.mail.is_on() => {
                let is_same = account.email.as_deref() == Some(email.as_str());
                changes.pending_email = Some(Some(email).filter(|_| !is_same));
            }
            email => changes.email = email,
        }
        Ok(changes)
    }
}

/// Returns whether the account is an administrator who can sign in, also one who would undo its deletion by that.
pub(super) fn can_administer(account: &Account) -> bool {
    !account.disabled && account.roles.iter().any(|role| role == ADMIN_ROLE)
}

fn has_other_profile(before: &Account, after: &Account) -> bool {
    let names = |account: &Account| {
        let Account { username, display_name, email, pending_email, .. } = account.clone();
        (username, display_name, email, pending_email)
    };
    names(before) != names(after)
        || before.locale != after.locale
        || before.picture_url != after.picture_url
        || before.metadata != after.metadata
        || before.app_metadata != after.app_metadata
}

/// The actions that the audit log records for an update.
fn actions(before: &Account, after: &Account, sets_password: bool) -> Vec<AuditAction> {
    let is_proven = after.email_verified && (!before.email_verified || after.email != before.email);
    [
        (has_other_profile(before, after), AuditAction::UserUpdated),
        (is_proven, AuditAction::EmailVerified),
        (before.roles != after.roles, AuditAction::RolesChanged),
        (sets_password, AuditAction::PasswordChanged),
        (!before.disabled && after.disabled, AuditAction::UserDisabled),
        (before.disabled && !after.disabled, AuditAction::UserEnabled),
    ]
    .into_iter()
    .filter_map(|(happened, action)| happened.then_some(action))
    .collect()
}
