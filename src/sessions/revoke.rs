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
        let ended = store::revoke(&transaction, id, self.clock.now()).await?;
        let changes = self.write_down(&transaction, ended.as_slice(), action, actor).await?;
        self.feed.commit(transaction, &changes).await?;
        Ok(ended)
    }

    /// Ends all sessions of an account but one, in a transaction. Returns what to commit that with.
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
        self.write_down(transaction, &ended, AuditAction::SessionRevoked, actor).await
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
        self.feed.commit(transaction, &changes).await?;
        Ok(changes.len())
    }

    /// The session that a refresh token of ours belongs to, whether or not it is over.
    #[must_use]
    pub fn session_of(&self, token: &SecretString) -> Option<SessionId> {
        self.codec.decode(token).map(|token| token.session)
    }

    /// Writes down that sessions have ended. Returns what every replica must hear.
    pub(super) async fn write_down(
        &self,
        transaction: &impl ConnectionTrait,
        ended: &[Session],
        action: AuditAction,
        actor: Actor<'_>,
    ) -> Result<Vec<Change>, DbErr> {
        for session in ended {
            let happening = Happening { action, user: Some(session.user), session: Some(session.id), actor };
            self.audit.record(transaction, happening).await?;
        }
        Ok(ended.iter().map(|session| Change::SessionEnded(session.id)).collect())
    }
}
