use sea_orm::{ConnectionTrait, DbErr};

use super::{Authentication, AuthenticationMethod, Session, Sessions, has_two_factors, store};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction},
    changes::Change,
    client::ClientInfo,
    clock::Timestamp,
    id::SessionId,
    tokens::{Generation, RefreshToken, Status},
};

/// A session and its current refresh token.
pub struct OpenedSession {
    /// The session.
    pub session: Session,
    /// Its refresh token.
    pub refresh: RefreshToken,
    /// The status of its access tokens. `None` if status lists are off.
    pub status: Option<Status>,
}

impl Sessions {
    /// Opens a session in a transaction for a user who was authenticated in these ways, now or at an earlier time. Revokes the oldest sessions of the
    /// account if it has too many. Returns the session and the changes to publish with the commit.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn open(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        methods: Vec<AuthenticationMethod>,
        proven_at: Option<Timestamp>,
        client: &ClientInfo,
    ) -> Result<(OpenedSession, Vec<Change>), DbErr> {
        let (now, user) = (self.clock.now(), account.id);
        let id = SessionId::generate(&self.clock);
        let refresh = self.codec.new_chain(id, Generation(0));
        let ends_at = now + self.config.tokens.session_ttl;
        let session = Session {
            id,
            user,
            created_at: now,
            last_used_at: now,
            expires_at: self.sliding_expiry(now).min(ends_at),
            user_agent: client.user_agent.clone(),
            ip_address: Some(client.address.to_string()),
            repeated: None,
            authentication: Authentication { at: proven_at.unwrap_or(now), methods },
        };
        store::insert(transaction, &session, ends_at, refresh.salt_hash()).await?;
        let status = self.assign_status(transaction, &session, account.token_version).await?;
        let max = self.config.limits.sessions_per_account;
        let revoked = store::revoke_oldest(transaction, user, now, max).await?;
        let actor = Actor::Client { client, user: Some(user) };
        let changes = self.record_revoked(transaction, &revoked, AuditAction::SessionRevoked, actor).await?;
        Ok((OpenedSession { session, refresh, status }, changes))
    }

    /// Starts a new chain of refresh tokens for a session, so that all earlier ones become invalid. This is the account as
    /// of the transaction. `method` is added to the methods of the session, now, if its user has proven again who they
    /// are. Returns `None` if the session has ended, or must not continue because its account lacks a second factor.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn restart_chain(
        &self,
        transaction: &impl ConnectionTrait,
        id: SessionId,
        account: &Account,
        method: Option<AuthenticationMethod>,
    ) -> Result<Option<OpenedSession>, DbErr> {
        if self.accounts.is_factor_overdue(transaction, account).await? {
            return Ok(None);
        }
        let now = self.clock.now();
        let Some(session) = store::find(transaction, id, now).await? else { return Ok(None) };
        let Some(state) = store::state(transaction, id).await? else { return Ok(None) };
        let mut authentication = session.authentication;
        if let Some(method) = method {
            authentication.add(method, now);
        }
        let refresh = self.codec.new_chain(id, Generation(state.generation.0.wrapping_add(1)));
        let Some(session) = store::begin_chain(transaction, &refresh, &authentication, now).await? else {
            return Ok(None);
        };
        let status = self.reassign_status(transaction, &session, account.token_version).await?;
        Ok(Some(OpenedSession { session, refresh, status }))
    }

    /// Adds a method that the user of a session has just proven to those of the session, in a transaction. The next access
    /// token names it.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn add_method(
        &self,
        transaction: &impl ConnectionTrait,
        id: SessionId,
        method: AuthenticationMethod,
    ) -> Result<(), DbErr> {
        let now = self.clock.now();
        let Some(session) = store::find(transaction, id, now).await? else { return Ok(()) };
        let mut authentication = session.authentication;
        authentication.add(method, now);
        store::set_authentication(transaction, id, &authentication).await
    }

    /// Whether the user of a session has proven two factors. `false` without an active session.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn has_two_factors(
        &self,
        transaction: &impl ConnectionTrait,
        id: Option<SessionId>,
    ) -> Result<bool, DbErr> {
        let Some(id) = id else { return Ok(false) };
        let found = store::find(transaction, id, self.clock.now()).await?;
        Ok(found.is_some_and(|session| has_two_factors(&session.authentication.methods)))
    }

    /// The expiry of a session that is used now (sliding expiration).
    pub(super) fn sliding_expiry(&self, now: Timestamp) -> Timestamp {
        now + self.config.tokens.refresh_ttl
    }
}
