use sea_orm::DbErr;

use super::{Account, AccountError, Accounts, change::can_administer, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    database::Transaction,
    id::UserId,
};

impl Accounts {
    /// Deletes an account, its sessions, its messages and what an application has for it, in a transaction. Returns the
    /// change to publish with the commit.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::LastAdmin`], or [`AccountError::Hook`].
    pub async fn delete(
        &self,
        transaction: &Transaction,
        id: UserId,
        actor: Actor<'_>,
    ) -> Result<Change, AccountError> {
        let account = store::lock(transaction, id).await?.ok_or(AccountError::NotFound)?;
        if can_administer(&account) {
            store::lock_role(transaction, ADMIN_ROLE).await?;
        }
        self.hooks.on_account_deletion(transaction.as_sea_orm(), id).await?;
        self.proofs.delete_of(transaction, id).await?;
        self.mail.delete_of(transaction, id).await?;
        store::delete(transaction, id).await?;
        if can_administer(&account) {
            self.ensure_admin_remains(transaction).await?;
        }
        let new_event = NewEvent { action: AuditAction::UserDeleted, user: Some(id), session: None, actor };
        self.audit.record(transaction, new_event).await?;
        Ok(Change::TokensRevoked { user: id, token_version: i64::MAX })
    }

    /// Schedules the deletion of an account after `accounts.delete_after`, in a transaction. Returns the change to publish
    /// with the commit. The caller ends the sessions.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] or [`AccountError::LastAdmin`].
    pub async fn schedule_deletion(
        &self,
        transaction: &Transaction,
        id: UserId,
        actor: Actor<'_>,
    ) -> Result<Change, AccountError> {
        let mut account = store::lock(transaction, id).await?.ok_or(AccountError::NotFound)?;
        if can_administer(&account) {
            store::lock_role(transaction, ADMIN_ROLE).await?;
        }
        let now = self.clock.now();
        account.deletion_at = Some(now + self.config.accounts.delete_after);
        account.token_version += 1;
        account.updated_at = now;
        store::update(transaction, &account, None, None).await?;
        if can_administer(&account) {
            self.ensure_admin_remains(transaction).await?;
        }
        let action = AuditAction::UserDeletionScheduled;
        self.audit.record(transaction, NewEvent { action, user: Some(id), session: None, actor }).await?;
        Ok(Change::TokensRevoked { user: id, token_version: account.token_version })
    }

    /// Deletes at most `batch` accounts whose scheduled deletion is due. Returns their number. An account that cannot be
    /// deleted, for example because a hook fails, stays for the next run.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn delete_due(&self, batch: u64) -> Result<u64, DbErr> {
        let (now, mut deleted) = (self.clock.now(), 0);
        let is_due = |account: &Account| account.deletion_at.is_some_and(|at| at <= now);
        for id in store::due(self.database.reader(), now, batch).await? {
            deleted += u64::from(self.delete_if(id, is_due).await?);
        }
        Ok(deleted)
    }

    /// Deletes at most `batch` accounts that registered with an address, and neither verified it nor signed in for
    /// `accounts.unverified_lifetime`. Returns their number. Accounts that were created otherwise stay.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn delete_unverified(&self, batch: u64) -> Result<u64, DbErr> {
        let lifetime = self.config.accounts.unverified_lifetime;
        if !self.config.accounts.verify_before_sign_in || lifetime.is_zero() {
            return Ok(0);
        }
        let (now, mut deleted) = (self.clock.now(), 0);
        let is_unused = |account: &Account| {
            account.email.is_some() && !account.email_verified && account.last_login_at.is_none()
        };
        for id in store::unverified(self.database.reader(), now - lifetime, now, batch).await? {
            deleted += u64::from(self.delete_if(id, is_unused).await?);
        }
        Ok(deleted)
    }

    /// Deletes an account in a transaction of its own. Returns whether it was deleted: in the meantime, its user may have
    /// signed in, or another server may have deleted it.
    async fn delete_if(&self, id: UserId, is_due: impl Fn(&Account) -> bool + Send) -> Result<bool, DbErr> {
        let transaction = self.database.begin().await?;
        let account = store::lock(&transaction, id).await?;
        if !account.is_some_and(|account| is_due(&account)) {
            transaction.rollback().await?;
            return Ok(false);
        }
        match self.delete(&transaction, id, Actor::Server).await {
            Ok(change) => self.feed.commit(transaction, &[change]).await.map(|()| true),
            Err(AccountError::Database(error)) => Err(error),
            Err(error) => {
                transaction.rollback().await?;
                tracing::error!(%error, user = %id, "cannot delete an account that is due");
                Ok(false)
            }
        }
    }
}
