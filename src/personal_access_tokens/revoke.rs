use sea_orm::{ConnectionTrait, DbErr};

use super::{KEPT_AFTER_END, PersonalAccessToken, PersonalAccessTokens, store};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    id::{PersonalAccessTokenId, UserId},
};

impl PersonalAccessTokens {
    /// Revokes a token of any account in a transaction that checks the actor. Returns `None` if it had already ended.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`], or if a database query fails.
    pub async fn revoke(
        &self,
        id: PersonalAccessTokenId,
        actor: Actor<'_>,
    ) -> Result<Option<PersonalAccessToken>, AccountError> {
        let Some(token) = self.find(id).await? else { return Ok(None) };
        let transaction = self.database.begin_short().await?;
        self.accounts.lock_actor(&transaction, actor, Some(token.user)).await?;
        let now = self.clock.now();
        let revoked = store::revoke(&transaction, id, now, now + KEPT_AFTER_END).await?;
        let changes = self.record_revoked(&transaction, revoked.as_slice(), actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(revoked)
    }

    /// Revokes all tokens of an account in a transaction. Returns the changes to publish with the commit.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn revoke_all_in(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        let now = self.clock.now();
        let revoked = store::revoke_all(transaction, user, now, now + KEPT_AFTER_END).await?;
        self.record_revoked(transaction, &revoked, actor).await
    }

    async fn record_revoked(
        &self,
        transaction: &impl ConnectionTrait,
        revoked: &[PersonalAccessToken],
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        for token in revoked {
            let (action, user) = (AuditAction::TokenRevoked, Some(token.user));
            self.audit.record(transaction, NewEvent { action, user, session: None, actor }).await?;
        }
        Ok(revoked.iter().map(|token| Change::PersonalAccessTokenRevoked(token.id)).collect())
    }
}
