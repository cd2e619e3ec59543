use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use secrecy::SecretString;

use super::{Session, Sessions, store};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    id::{SessionId, UserId},
};

impl Sessions {
    /// Revokes a session, in a transaction of its own. `None` when it was over already. It does not check the actor:
    /// a holder of any token of a session, even of an expired one, may end that session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke(
        &self,
        id: SessionId,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, DbErr> {
        self.revoke_in(self.database.begin().await?, id, action, actor).await
    }

    /// Revokes a session, of whichever account, in a transaction that checks the actor. `None` when it was over
    /// already.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`], or when the database does not answer.
    pub async fn revoke_for(&self, id: SessionId, actor: Actor<'_>) -> Result<Option<Session>, AccountError> {
        let Some(session) = self.find(id).await? else { return Ok(None) };
        let transaction = self.database.begin().await?;
        self.accounts.lock_actor(&transaction, actor, Some(session.user)).await?;
        Ok(self.revoke_in(transaction, id, AuditAction::SessionRevoked, actor).await?)
    }

    async fn revoke_in(
        &self,
        transaction: DatabaseTransaction,
        id: SessionId,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, DbErr> {
        let revoked = store::revoke(&transaction, id, self.clock.now()).await?;
        let changes = self.record_revoked(&transaction, revoked.as_slice(), action, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(revoked)
    }

    /// Revokes all sessions of an account, except `except` where it is given, in a transaction. Returns what to
    /// commit that with.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_all_in(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        let revoked = store::revoke_all(transaction, user, except, self.clock.now()).await?;
        self.record_revoked(transaction, &revoked, AuditAction::SessionRevoked, actor).await
    }

    /// Revokes all sessions of an account, except `except` where it is given, in a transaction that checks the
    /// actor. Returns the number of them.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Unauthenticated`], or when the database does not answer.
    pub async fn revoke_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<usize, AccountError> {
        let transaction = self.database.begin().await?;
        let locked = self.accounts.lock_actor(&transaction, actor, Some(user)).await?;
        locked.target.ok_or(AccountError::NotFound)?;
        let changes = self.revoke_all_in(&transaction, user, except, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(changes.len())
    }

    /// The session that a refresh token of ours belongs to, whether or not it is over.
    #[must_use]
    pub fn session_of(&self, token: &SecretString) -> Option<SessionId> {
        self.codec.decode(token).map(|token| token.session)
    }

    /// Writes down that sessions were revoked. Returns what every replica must hear.
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
