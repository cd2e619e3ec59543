use sea_orm::{ConnectionTrait, DbErr};
use secrecy::SecretString;

use super::{Session, Sessions, store};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    database::Transaction,
    id::{SessionId, UserId},
};

impl Sessions {
    /// Revokes a session in its own transaction. Returns `None` if it had already ended. It does not check
    /// the actor, because the holder of any token of a session, even of an expired one, may end that session.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn revoke(
        &self,
        id: SessionId,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, DbErr> {
        self.revoke_in(self.database.begin_short().await?, id, action, actor).await
    }

    /// Revokes a session of any account in a transaction that checks the actor. Returns `None` if it had
    /// already ended.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`], or if a database query fails.
    pub async fn revoke_for(&self, id: SessionId, actor: Actor<'_>) -> Result<Option<Session>, AccountError> {
        let Some(session) = self.find(id).await? else { return Ok(None) };
        let transaction = self.database.begin_short().await?;
        self.accounts.lock_actor(&transaction, actor, Some(session.user)).await?;
        Ok(self.revoke_in(transaction, id, AuditAction::SessionRevoked, actor).await?)
    }

    async fn revoke_in(
        &self,
        transaction: Transaction,
        id: SessionId,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, DbErr> {
        let revoked = store::revoke(&transaction, id, self.clock.now()).await?;
        let changes = self.record_revoked(&transaction, revoked.as_slice(), action, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(revoked)
    }

    /// Revokes all sessions of an account except `except` and all its trusted devices in a transaction. Without an
    /// exception, it also revokes the personal access tokens of the account. Returns the changes to publish with the
    /// commit.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn revoke_all_in(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        let mut changes = self.revoke_sessions_in(transaction, user, except, actor).await?;
        if except.is_none() {
            changes.extend(self.personal_access_tokens.revoke_all_in(transaction, user, actor).await?);
        }
        Ok(changes)
    }

    /// Revokes all sessions of an account except `except` and all its trusted devices in a transaction, and no personal
    /// access token. Returns the changes to publish with the commit.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn revoke_sessions_in(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        self.trusted_devices.revoke_all_in(transaction, user).await?;
        let revoked = store::revoke_all(transaction, user, except, self.clock.now()).await?;
        self.record_revoked(transaction, &revoked, AuditAction::SessionRevoked, actor).await
    }

    /// Revokes all sessions of an account except `except`, as [`Sessions::revoke_all_in`] does, in a transaction that
    /// checks the actor. Returns the number of sessions.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Unauthenticated`], or if a database query fails.
    pub async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<usize, AccountError> {
        let transaction = self.database.begin_short().await?;
        let locked = self.accounts.lock_actor(&transaction, actor, Some(user)).await?;
        locked.target.ok_or(AccountError::NotFound)?;
        let changes = self.revoke_all_in(&transaction, user, except, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(changes.iter().filter(|change| matches!(change, Change::SessionEnded(_))).count())
    }

    /// Returns the session that a genuine refresh token belongs to, even if the session has ended.
    #[must_use]
    pub fn session_of(&self, token: &SecretString) -> Option<SessionId> {
        self.codec.decode(token).map(|token| token.session)
    }

    /// Records in the audit log that sessions were revoked. Returns the changes to publish to every replica.
    pub(super) async fn record_revoked(
        &self,
        transaction: &impl ConnectionTrait,
        revoked: &[Session],
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        for session in revoked {
            let new_event = NewEvent { action, user: Some(session.user), session: Some(session.id), actor };
            self.audit.record(transaction, new_event).await?;
        }
        Ok(revoked.iter().map(|session| Change::SessionEnded(session.id)).collect())
    }
}
