use secrecy::SecretString;

use super::{
    OpenedSession, RefreshError, Session, Sessions, SignedIn,
    store::{self, RefreshState, Repetition, Rotation},
};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    clock::Timestamp,
    tokens::RefreshToken,
};

/// The maximum number of repetitions of one rotation. A client needs one for a lost response or a second tab, and
/// another one if both happen. Each further one would serve a thief who follows the refreshes of a session.
const MAX_REPETITIONS: i32 = 2;

impl Sessions {
    /// Exchanges a refresh token for new tokens (RFC 9700 §4.14.2, refresh token rotation).
    ///
    /// One conditional UPDATE decides. If it matches no row, the row of the session tells why. Either two
    /// requests of the client raced or a response was lost, and the client receives the same successor again.
    /// Or the token was copied, and the session ends.
    ///
    /// # Errors
    /// [`RefreshError::Invalid`] for every kind of invalid token. [`RefreshError::RepeatedTooOften`] if the
    /// token may be valid but its rotation was repeated too often.
    pub async fn refresh(&self, token: &SecretString, client: &ClientInfo) -> Result<SignedIn, RefreshError> {
        let presented = self.codec.decode(token).ok_or(RefreshError::Invalid)?;
        // Checked before the rotation, so that a client whose refresh fails keeps a valid token.
        self.keyring.signer()?;
        let successor = self.codec.successor(&presented);
        let now = self.clock.now();
        let rotation =
            Rotation { from: &presented, to: &successor, now, expires_at: self.sliding_expiry(now), client };
        let (session, version, index) = match store::rotate(self.database.writer(), &rotation).await? {
            Some(rotated) => (rotated.session, rotated.version, rotated.status_index),
            None => (self.handle_reuse(&presented, &successor, now, client).await?, None, None),
        };
        // The new access token must state the current roles, so an account from the cache must have this version.
        let account = self.accounts.find_version(session.user, version).await?;
        let account = account.filter(|account| !account.disabled).ok_or(RefreshError::Invalid)?;
        self.ensure_factor_in_time(&session, &account, client).await?;
        let index =
            index.filter(|_| version.is_some_and(|version| version.token_version == account.token_version));
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;
        let (account, status) = self.status_for_refresh(account, &session, index).await?;
        Ok(self.issue(account, OpenedSession { session, refresh: successor, status }, additions)?)
    }

    /// Ends the session of an account that must have a second factor by now and has none, also if it was opened before.
    async fn ensure_factor_in_time(
        &self,
        session: &Session,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<(), RefreshError> {
        if self.accounts.is_factor_overdue(self.database.writer(), account).await? {
            let actor = Actor::anonymous(client);
            self.revoke(session.id, AuditAction::SecondFactorOverdue, actor).await?;
            return Err(RefreshError::Invalid);
        }
        Ok(())
    }

    /// Handles a token that did not rotate its session. Returns the session if the successor of the token is
    /// current.
    async fn handle_reuse(
        &self,
        presented: &RefreshToken,
        successor: &RefreshToken,
        now: Timestamp,
        client: &ClientInfo,
    ) -> Result<Session, RefreshError> {
        let state = store::state(self.database.writer(), presented.session).await?;
        let Some(state) = state.filter(|state| state.is_active(now)) else {
            return Err(RefreshError::Invalid);
        };
        let grace_began = now - self.config.tokens.refresh_grace;
        let is_repetition = state.rotated_at > grace_began && state.user_agent == client.user_agent;
        match Reuse::classify(presented, successor, &state, is_repetition) {
            Reuse::Race => {
                let max = MAX_REPETITIONS;
                let repetition = Repetition { successor, now, grace_began, max, client };
                self.repeat(&repetition).await?.ok_or(RefreshError::RepeatedTooOften)
            }
            Reuse::Excess => Err(RefreshError::RepeatedTooOften),
            Reuse::Harmless => Err(RefreshError::Invalid),
            Reuse::Theft => {
                let actor = Actor::anonymous(client);
                self.revoke(presented.session, AuditAction::RefreshTokenReused, actor).await?;
                Err(RefreshError::Invalid)
            }
        }
    }

    /// Counts a repetition, and records it if it comes from another address than the rotation. Returns `None`
    /// if the session has changed since its state was read; the client then retries and gets the decision
    /// about the new state.
    async fn repeat(&self, repetition: &Repetition<'_>) -> Result<Option<Session>, RefreshError> {
        let transaction = self.database.begin_short().await?;
        let session = store::repeat(&transaction, repetition).await?;
        let client = repetition.client;
        let address = client.address.to_string();
        if let Some(session) =
            session.as_ref().filter(|session| session.ip_address.as_ref() != Some(&address))
        {
            let action = AuditAction::RefreshTokenRepeated;
            let (user, session) = (Some(session.user), Some(session.id));
            let new_event = NewEvent { action, user, session, actor: Actor::anonymous(client) };
            self.audit.record(&transaction, new_event).await?;
        }
        self.feed.commit(transaction, &[]).await?;
        Ok(session)
    }
}

/// The meaning of a token that is genuine but not current.
enum Reuse {
    /// The successor is current and recent: the client sent two requests, or lost the response.
    Race,
    /// The same, more than [`MAX_REPETITIONS`] times: a client with many tabs, or a thief among them.
    Excess,
    /// The token belongs to an earlier chain; a change of the password started a new one.
    Harmless,
    /// The token was used before, so an attacker has a copy.
    Theft,
}

impl Reuse {
    /// Classifies a reuse. `is_repetition`: it comes within the grace period and with the User-Agent header of the
    /// rotation.
    fn classify(
        presented: &RefreshToken,
        successor: &RefreshToken,
        state: &RefreshState,
        is_repetition: bool,
    ) -> Self {
        let is_successor =
            state.generation == successor.generation && state.salt_hash == successor.salt_hash();
        let is_of_this_chain = (state.chain_began..state.generation).contains(&presented.generation);
        match (is_of_this_chain, is_successor && is_repetition) {
            (true, true) if state.repetitions < MAX_REPETITIONS => Self::Race,
            (true, true) => Self::Excess,
            (true, false) => Self::Theft,
            (false, _) => Self::Harmless,
        }
    }
}
