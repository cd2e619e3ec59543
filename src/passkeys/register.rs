use secrecy::SecretString;
use serde_json::Value as Json;

use super::{
    MAX_PASSKEYS, Passkey, PasskeyError, PasskeyName, Passkeys, Purpose, StartedCeremony, models, options,
    store,
    webauthn::{RegistrationResponse, Rejection, verify_registration},
};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    id::{PasskeyId, UserId},
};

/// The name of a passkey of an unknown model.
const DEFAULT_NAME: &str = "Passkey";

impl Passkeys {
    /// Starts the creation of a passkey for an account.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`], [`PasskeyError::TooMany`], or [`PasskeyError::NotFound`] if the account does
    /// not exist.
    pub async fn start_registration(&self, user: UserId) -> Result<StartedCeremony, PasskeyError> {
        let relying_party = self.offered()?;
        let account = self.0.accounts.find(user).await?.ok_or(PasskeyError::NotFound)?;
        if self.count(user).await? >= MAX_PASSKEYS {
            return Err(PasskeyError::TooMany);
        }
        let existing = store::credentials_of(self.0.database.reader(), user, &relying_party.id).await?;
        let challenge = self.0.challenges.issue(Purpose::Registration, Some(user))?;
        let options = options::creation(relying_party, &account, &challenge, &existing);
        Ok(StartedCeremony { token: challenge.token().clone(), expires_at: challenge.expires_at(), options })
    }

    /// Adds the passkey that an authenticator has created to the account of the actor.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidChallenge`], [`PasskeyError::Rejected`], [`PasskeyError::TooMany`], or
    /// [`PasskeyError::Account`] if the actor's token was revoked in the meantime.
    pub async fn add(
        &self,
        token: &SecretString,
        response: &Json,
        name: Option<PasskeyName>,
        actor: Actor<'_>,
    ) -> Result<Passkey, PasskeyError> {
        let relying_party = self.offered()?;
        let user = actor.user().ok_or(PasskeyError::NotFound)?;
        let challenge = self.0.challenges.verify(Purpose::Registration, Some(user), token);
        let challenge = challenge.ok_or(PasskeyError::InvalidChallenge)?;
        let response = RegistrationResponse::parse(response)?;
        let created = verify_registration(relying_party, &challenge.bytes(), &response)?;
        let authenticator = models::name_of(created.aaguid);
        let name =
            name.map_or_else(|| authenticator.unwrap_or(DEFAULT_NAME).to_owned(), PasskeyName::into_text);
        let passkey = Passkey {
            id: PasskeyId::generate(&self.0.clock),
            user,
            name,
            authenticator,
            backup_eligible: created.state.backup_eligible,
            backed_up: created.state.backed_up,
            created_at: self.0.clock.now(),
            last_used_at: None,
        };

        let transaction = self.0.database.begin_short().await?;
        // The lock of the account also makes concurrent additions count one after the other.
        self.0.accounts.lock_actor(&transaction, actor, None).await?;
        if !store::use_challenge(&transaction, &challenge).await? {
            transaction.rollback().await?;
            return Err(PasskeyError::InvalidChallenge);
        }
        if store::count(&transaction, user).await? >= MAX_PASSKEYS {
            transaction.rollback().await?;
            return Err(PasskeyError::TooMany);
        }
        let transports = &response.transports;
        if !store::insert(&transaction, &passkey, &relying_party.id, created, transports).await? {
            transaction.rollback().await?;
            return Err(Rejection("the credential id is already stored").into());
        }
        let new_event =
            NewEvent { action: AuditAction::PasskeyAdded, user: Some(user), session: None, actor };
        self.0.audit.record(&transaction, new_event).await?;
        self.0.feed.commit(transaction, &[]).await?;
        Ok(passkey)
    }
}
