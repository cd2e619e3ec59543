use secrecy::SecretString;

use super::{
    Opened, RefreshError, Sessions, SignedIn,
    store::{self, Rotation, State},
};
use crate::{
    audit::{Actor, AuditAction},
    clock::Timestamp,
    graphql::Client,
    tokens::RefreshToken,
};

impl Sessions {
    /// Gives new tokens for a refresh token.
    ///
    /// One conditional UPDATE decides. When it matches nothing, the session's row tells why: two of a
    /// client's requests raced, or an answer was lost, and the same successor is given again; or the
    /// token was copied, and the session ends.
    ///
    /// # Errors
    /// [`RefreshError::Invalid`] whatever is wrong with the token.
    pub async fn refresh(&self, token: &SecretString, client: &Client) -> Result<SignedIn, RefreshError> {
        let presented = self.codec.decode(token).ok_or(RefreshError::Invalid)?;
        let successor = self.codec.successor(&presented);
        let now = self.clock.now();
        let rotation =
            Rotation { from: &presented, to: &successor, now, expires_at: self.slide(now), client };
        let session = match store::rotate(self.database.writer(), &rotation).await? {
            Some(session) => session,
            None => {
                self.settle(&presented, &successor, now, client).await?;
                self.find(presented.session).await?.ok_or(RefreshError::Invalid)?
            }
        };
        // Read afresh: what the new access token says must be so now.
        let found = self.accounts.credentials_of(session.user).await?;
        let account = found.map(|found| found.account).filter(|account| !account.disabled);
        let account = account.ok_or(RefreshError::Invalid)?;
        Ok(self.issue(account, Opened { session, refresh: successor })?)
    }

    /// Decides about a token that did not rotate its session: `Ok` when its successor counts.
    async fn settle(
        &self,
        presented: &RefreshToken,
        successor: &RefreshToken,
        now: Timestamp,
        client: &Client,
    ) -> Result<(), RefreshError> {
        let state = store::state(self.database.writer(), presented.session).await?;
        let Some(state) = state.filter(|state| state.is_live(now)) else {
            return Err(RefreshError::Invalid);
        };
        let within_grace = now < state.rotated_at + self.config.tokens.refresh_grace;
        match Reuse::judge(presented, successor, &state, within_grace) {
            Reuse::Race => Ok(()),
            Reuse::Harmless => Err(RefreshError::Invalid),
            Reuse::Theft => {
                let actor = Actor::anonymous(client);
                self.revoke(presented.session, AuditAction::RefreshTokenReused, actor).await?;
                Err(RefreshError::Invalid)
            }
        }
    }
}

/// What it means that a token of ours is not the one that counts.
enum Reuse {
    /// Its successor counts and is new: the client asked twice, or lost the answer.
    Race,
    /// It is not of this chain: that was begun anew when the password changed.
    Harmless,
    /// It was used before: somebody has a copy.
    Theft,
}

impl Reuse {
    fn judge(presented: &RefreshToken, successor: &RefreshToken, state: &State, within_grace: bool) -> Self {
        let is_successor =
            state.generation == successor.generation && state.salt_hash == successor.salt_hash();
        let is_of_this_chain = (state.chain_began..state.generation).contains(&presented.generation);
        match (is_of_this_chain, within_grace) {
            (true, true) if is_successor => Self::Race,
            (true, _) => Self::Theft,
            (false, _) => Self::Harmless,
        }
    }
}
