use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    Challenge, MAX_PASSKEYS, Passkey, PasskeyError, PasskeyName, Passkeys, Purpose, StartedCeremony, models,
    options, store,
    webauthn::{NewCredential, RegistrationResponse, Rejection, verify_registration},
};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    id::{PasskeyId, UserId},
};

/// The name of a passkey of an unknown model.
const DEFAULT_NAME: &str = "Passkey";

/// A passkey that was verified and is not stored yet.
pub struct NewPasskey {
    passkey: Passkey,
    challenge: Challenge,
    credential: NewCredential,
    transports: Vec<String>,
}

impl NewPasskey {
    /// The account of the passkey.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.passkey.user
    }
}

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
        let owner = options::Owner {
            id: user,
            username: &account.username,
            display_name: account.display_name.as_deref(),
        };
        let options = options::creation(relying_party, &owner, &challenge, &existing);
        Ok(StartedCeremony { token: challenge.token().clone(), expires_at: challenge.expires_at(), options })
    }

    /// Starts the creation of a passkey for an account that does not exist yet. The challenge has the identifier of that
    /// account. It writes nothing.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`].
    pub fn start_sign_up(
        &self,
        username: &str,
        display_name: Option<&str>,
    ) -> Result<StartedCeremony, PasskeyError> {
        let relying_party = self.offered()?;
        let id = self.0.accounts.generate_id();
        let challenge = self.0.challenges.issue(Purpose::SignUp, Some(id))?;
        let owner = options::Owner { id, username, display_name };
        let options = options::creation(relying_party, &owner, &challenge, &[]);
        let token = format!("{}.{}", id.uuid().simple(), challenge.token().expose_secret()).into();
        Ok(StartedCeremony { token, expires_at: challenge.expires_at(), options })
    }

    /// Verifies the passkey that an authenticator has created for an account that does not exist yet. It writes nothing.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`], [`PasskeyError::InvalidChallenge`], or [`PasskeyError::Rejected`].
    pub fn verify_sign_up(
        &self,
        token: &SecretString,
        response: &Json,
        name: Option<PasskeyName>,
    ) -> Result<NewPasskey, PasskeyError> {
        let (id, token) = token.expose_secret().split_once('.').ok_or(PasskeyError::InvalidChallenge)?;
        let id = Uuid::try_parse(id).map_err(|_| PasskeyError::InvalidChallenge)?;
        self.verify_new(Purpose::SignUp, UserId::from_uuid(id), &token.into(), (response, name))
    }

    /// Verifies the passkey that an authenticator has created for an account. It writes nothing.
    ///
    /// # Errors
    /// [`PasskeyError::NotOffered`], [`PasskeyError::InvalidChallenge`], or [`PasskeyError::Rejected`].
    pub fn verify_registration(
        &self,
        user: UserId,
        token: &SecretString,
        response: &Json,
        name: Option<PasskeyName>,
    ) -> Result<NewPasskey, PasskeyError> {
        self.verify_new(Purpose::Registration, user, token, (response, name))
    }

    fn verify_new(
        &self,
        purpose: Purpose,
        user: UserId,
        token: &SecretString,
        (response, name): (&Json, Option<PasskeyName>),
    ) -> Result<NewPasskey, PasskeyError> {
        let relying_party = self.offered()?;
        let challenge = self.0.challenges.verify(purpose, Some(user), token);
        let challenge = challenge.ok_or(PasskeyError::InvalidChallenge)?;
        let response = RegistrationResponse::parse(response)?;
        let credential = verify_registration(relying_party, &challenge.bytes(), &response)?;
        let authenticator = models::name_of(credential.aaguid);
        let name =
            name.map_or_else(|| authenticator.unwrap_or(DEFAULT_NAME).to_owned(), PasskeyName::into_text);
        let passkey = Passkey {
            id: PasskeyId::generate(&self.0.clock),
            user,
            name,
            authenticator,
            backup_eligible: credential.state.backup_eligible,
            backed_up: credential.state.backed_up,
            created_at: self.0.clock.now(),
            last_used_at: None,
        };
        Ok(NewPasskey { passkey, challenge, credential, transports: response.transports })
    }

    /// Uses up the challenge of a verified passkey, at the beginning of the transaction that adds it.
    ///
    /// # Errors
    /// [`PasskeyError::InvalidChallenge`] if it was used.
    pub async fn use_challenge(
        &self,
        transaction: &impl ConnectionTrait,
        new: &NewPasskey,
    ) -> Result<(), PasskeyError> {
        let is_unused = store::use_challenge(transaction, &new.challenge).await?;
        if is_unused { Ok(()) } else { Err(PasskeyError::InvalidChallenge) }
    }

    /// Adds a verified passkey to its account, in a transaction that has locked or created the account and has used the
    /// challenge. The caller rolls it back if this fails.
    ///
    /// # Errors
    /// [`PasskeyError::Rejected`] if the passkey is already stored, or [`PasskeyError::TooMany`].
    pub async fn add(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewPasskey,
        actor: Actor<'_>,
    ) -> Result<Passkey, PasskeyError> {
        let relying_party = self.offered()?;
        let NewPasskey { passkey, credential, transports, .. } = new;
        if store::count(transaction, passkey.user).await? >= MAX_PASSKEYS {
            return Err(PasskeyError::TooMany);
        }
        if !store::insert(transaction, &passkey, &relying_party.id, credential, &transports).await? {
            return Err(Rejection("the credential id is already stored").into());
        }
        let (action, user) = (AuditAction::PasskeyAdded, Some(passkey.user));
        self.0.audit.record(transaction, NewEvent { action, user, session: None, actor }).await?;
        Ok(passkey)
    }
}
