use sea_orm::{ConnectionTrait, DbErr};
use serde_json::Value as Json;

use super::{
    Challenge, PasskeyError, Passkeys, Purpose, StartedCeremony, options,
    store::{self, StoredKey},
    webauthn::{
        AuthenticationResponse, CredentialState, PublicKey, Rejection, RelyingParty, verify_authentication,
    },
};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    id::{PasskeyId, UserId},
};

/// A passkey whose response was verified. It counts when [`Passkeys::record_use`] has succeeded.
#[derive(Debug)]
pub struct VerifiedPasskey {
    /// The account of the passkey.
    pub user: UserId,
    /// The passkey.
    pub passkey: PasskeyId,
    challenge: Challenge,
    state: CredentialState,
}

impl Passkeys {
    /// Starts a sign-in with any passkey of the site. It writes nothing.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`].
    pub fn start_sign_in(&self) -> Result<StartedCeremony, PasskeyError> {
        let relying_party = self.offered()?;
        let challenge = self.0.challenges.issue(Purpose::SignIn, None)?;
        let options = options::request(relying_party, &challenge, &[]);
        Ok(StartedCeremony { token: challenge.token().clone(), expires_at: challenge.expires_at(), options })
    }

    /// Starts a proof that the caller is the user of an account. `None` if the account has no passkey.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn start_verification(&self, user: UserId) -> Result<Option<StartedCeremony>, DbErr> {
        let challenge = self.0.challenges.issue(Purpose::Verification, Some(user))?;
        let options = self.verification_options(self.0.database.reader(), user, &challenge).await?;
        let ceremony = |options| StartedCeremony {
            token: challenge.token().clone(),
            expires_at: challenge.expires_at(),
            options,
        };
        Ok(options.map(ceremony))
    }

    /// The options that request the use of a passkey of an account. `None` if the account has no passkey.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn verification_options(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
        challenge: &Challenge,
    ) -> Result<Option<Json>, DbErr> {
        let Some(relying_party) = &self.0.relying_party else { return Ok(None) };
        let permitted = store::credentials_of(db, user, &relying_party.id).await?;
        Ok((!permitted.is_empty()).then(|| options::request(relying_party, challenge, &permitted)))
    }

    /// Verifies the response of an authenticator to a challenge: by a passkey of this account, or of any account if
    /// `user` is `None`. A response that is rejected uses up the challenge, unless the caller counts attempts. A counter that goes back is recorded in
    /// the audit log.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`], [`PasskeyError::InvalidChallenge`] if the challenge was used, or
    /// [`PasskeyError::Rejected`].
    pub async fn check(
        &self,
        challenge: Challenge,
        response: &Json,
        user: Option<UserId>,
        client: &ClientInfo,
    ) -> Result<VerifiedPasskey, PasskeyError> {
        let relying_party = self.offered()?;
        if store::is_used(self.0.database.reader(), &challenge).await? {
            return Err(PasskeyError::InvalidChallenge);
        }
        let (reason, found) = match AuthenticationResponse::parse(response) {
            Ok(response) => {
                let found = store::find_key(self.0.database.reader(), &response.id).await?;
                match verify(relying_party, &challenge, &response, found.as_ref(), user) {
                    Ok((key, state)) => {
                        return Ok(VerifiedPasskey {
                            user: key.user,
                            passkey: key.passkey,
                            challenge,
                            state,
                        });
                    }
                    Err(reason) => (reason, found),
                }
            }
            Err(reason) => (reason, None),
        };
        if !challenge.counts_attempts {
            store::use_challenge(self.0.database.writer(), &challenge).await?;
        }
        let owner = found.map(|key| key.user);
        if reason == COPIED {
            let action = AuditAction::PasskeyCloned;
            let new_event = NewEvent { action, user: owner, session: None, actor: Actor::anonymous(client) };
            self.0.audit.record_standalone(new_event).await?;
        }
        Err(PasskeyError::Rejected { reason, user: owner })
    }

    /// Records the use of a verified passkey and uses up its challenge, in the transaction of what the passkey
    /// permits. The caller rolls it back if this fails.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidChallenge`] if the challenge was used meanwhile, or [`PasskeyError::Rejected`] if the
    /// passkey was deleted or its counter has increased meanwhile.
    pub async fn record_use(
        &self,
        transaction: &impl ConnectionTrait,
        verified: &VerifiedPasskey,
    ) -> Result<(), PasskeyError> {
        if !store::use_challenge(transaction, &verified.challenge).await? {
            return Err(PasskeyError::InvalidChallenge);
        }
        if !store::record_use(transaction, verified.passkey, verified.state, self.0.clock.now()).await? {
            let reason = Rejection("the passkey was deleted or used meanwhile");
            return Err(PasskeyError::Rejected { reason, user: Some(verified.user) });
        }
        Ok(())
    }
}

const COPIED: Rejection =
    Rejection("the signature counter did not increase: there may be a copy of the passkey");

/// Verifies a response by the stored passkey. The work does not depend on whether there is one.
fn verify<'a>(
    relying_party: &RelyingParty,
    challenge: &Challenge,
    response: &AuthenticationResponse,
    found: Option<&'a StoredKey>,
    user: Option<UserId>,
) -> Result<(&'a StoredKey, CredentialState), Rejection> {
    let key = match found {
        Some(found) => PublicKey::parse(&found.public_key)?,
        None => PublicKey::dummy()?,
    };
    let state = verify_authentication(relying_party, &challenge.bytes(), &key, response);
    let found = found.ok_or(Rejection("the passkey is unknown"))?;
    let state = state?;
    if found.rp_id != relying_party.id {
        return Err(Rejection("the passkey was created for another RP ID"));
    }
    if user.is_some_and(|user| user != found.user) {
        return Err(Rejection("the passkey belongs to another account"));
    }
    match &response.user_handle {
        Some(handle) if handle != found.user.uuid().as_bytes() => {
            return Err(Rejection("the user handle is of another account"));
        }
        None if user.is_none() => return Err(Rejection("the response has no user handle")),
        _ => {}
    }
    if state.backup_eligible != found.state.backup_eligible {
        return Err(Rejection("the backup eligibility has changed"));
    }
    let counts = state.sign_count != 0 || found.state.sign_count != 0;
    if counts && state.sign_count <= found.state.sign_count && !found.state.backup_eligible {
        return Err(COPIED);
    }
    Ok((found, state))
}
