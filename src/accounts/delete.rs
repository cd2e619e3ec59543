use sea_orm::DbErr;

use super::{AccountError, Accounts, change::can_administer, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    database::Transaction,
    id::UserId,
};

impl Accounts {
    /// Deletes an account, its sessions, its messages and what an application has for it, in a transaction. Returns the change to
    /// publish with the commit.
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
        let mut deleted = 0;
        for id in store::due(self.database.reader(), self.clock.now(), batch).await? {
            let transaction = self.database.begin().await?;
            // The user may have signed in, or another server may have deleted the account in the meantime.
            let account = store::lock(&transaction, id).await?;
            if account.and_then(|account| account.deletion_at).is_none_or(|at| at > self.clock.now()) {
                transaction.rollback().await?;
                continue;
            }
            match self.delete(&transaction, id, Actor::Server).await {
                Ok(change) => {
                    self.feed.commit(transaction, &[change]).await?;
                    deleted += 1;
                }
                Err(AccountError::Database(error)) => return Err(error),
                Err(error) => {
                    transaction.rollback().await?;
                    tracing::error!(%error, user = %id, "cannot delete an account whose deletion is due");
                }
            }
        }
        Ok(deleted)
    }
}
