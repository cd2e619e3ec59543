use sea_orm::{ConnectionTrait, DbErr};
use secrecy::SecretString;

use super::{Session, Sessions, store};
use crate::{
    audit::{Actor, AuditAction, Happening},
    changes::Change,
    id::{SessionId, UserId},
};

impl Sessions {
    /// Ends a session, in a transaction of its own. `None` when it was over already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end(
        &self,
        id: SessionId,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Option<Session>, DbErr> {
        let transaction = self.database.begin().await?;
        let Some(session) = store::revoke(&transaction, id, self.clock.now()).await? else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let change = self.tell(&transaction, &session, action, actor).await?;
        transaction.commit().await?;
        self.feed.apply(&change);
        Ok(Some(session))
    }

    /// Ends all sessions of an account but one, in a transaction. Returns what to apply once that is
    /// committed, one change for each session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_all(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        let ended = store::revoke_all(transaction, user, except, self.clock.now()).await?;
        let mut changes = Vec::with_capacity(ended.len());
        for session in &ended {
            changes.push(self.tell(transaction, session, AuditAction::SessionRevoked, actor).await?);
        }
        Ok(changes)
    }

    /// Ends all sessions of an account but one, and says how many there were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_all_now(
        &self,
        user: UserId,
        except: Option<SessionId>,
        actor: Actor<'_>,
    ) -> Result<usize, DbErr> {
        let transaction = self.database.begin().await?;
        let changes = self.end_all(&transaction, user, except, actor).await?;
        transaction.commit().await?;
        for change in &changes {
            self.feed.apply(change);
        }
        Ok(changes.len())
    }

    /// The session that a refresh token of ours belongs to, whether or not it is over.
    #[must_use]
    pub fn session_of(&self, token: &SecretString) -> Option<SessionId> {
        self.codec.decode(token).map(|token| token.session)
    }

    async fn tell(
        &self,
        transaction: &impl ConnectionTrait,
        session: &Session,
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Change, DbErr> {
        let happening = Happening { action, user: Some(session.user), session: Some(session.id), actor };
        self.audit.record(transaction, happening).await?;
        let change = Change::SessionEnded(session.id);
        self.feed.append(transaction, &change).await?;
        Ok(change)
    }
}
