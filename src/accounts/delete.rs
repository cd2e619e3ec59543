use super::{AccountError, Accounts, change::can_administer, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    config::ADMIN_ROLE,
    database::Transaction,
    id::UserId,
};

impl Accounts {
    /// Deletes an account, its sessions and what an application has for it, in a transaction. Returns the change to
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
        store::delete(transaction, id).await?;
        if can_administer(&account) {
            self.ensure_admin_remains(transaction).await?;
        }
        let new_event = NewEvent { action: AuditAction::UserDeleted, user: Some(id), session: None, actor };
        self.audit.record(transaction, new_event).await?;
        Ok(Change::TokensRevoked { user: id, token_version: i64::MAX })
    }
}
