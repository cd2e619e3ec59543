use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use sea_orm::{ConnectionTrait, DbErr, prelude::ChronoUnixTimestampMillis as Millis};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    FactorError, SecondFactors, StartedTotp,
    store::{self, challenge::ChallengeRow},
};
use crate::{
    accounts::Account,
    client::ClientInfo,
    clock::{Clock, Timestamp},
    id::UserId,
    limits::{Decision, RecordedAttempt, wide_network},
    mail::device_of,
    passkeys::Challenge as PasskeyChallenge,
    secret::{NoRandomBytes, hash_token, random_token},
    sessions::AuthenticationMethod,
};

/// The time in which a sign-in must be completed.
const LIFETIME: Duration = Duration::from_mins(5);

/// The attempts that a challenge permits.
const MAX_ATTEMPTS: i32 = 5;

/// A sign-in that waits for a second factor.
#[derive(Debug)]
pub struct PendingSignIn {
    /// The challenge that the client sends with the second factor.
    pub challenge: SecretString,
    /// The time at which the challenge expires.
    pub expires_at: Timestamp,
    /// The ways to prove a second factor, the strongest first.
    pub methods: Vec<AuthenticationMethod>,
    /// The options for the browser, if a passkey is one of them.
    pub passkey_options: Option<Json>,
    /// The secret of an authenticator app, which the second step adds to the account. `None` if the account has a factor.
    pub enrolment: Option<StartedTotp>,
}

/// A valid challenge.
#[derive(Clone, Copy, Debug)]
pub struct Challenge {
    expires_at: Timestamp,
    pub(super) id: Uuid,
    /// The account.
    pub user: UserId,
    /// The token version of the account when the first factor was proven.
    pub token_version: i64,
    /// The first factor.
    pub method: AuthenticationMethod,
    /// Whether the second step adds the first second factor of the account.
    pub is_enrolment: bool,
}

impl Challenge {
    /// The challenge that a passkey signs. `token` is the text of this challenge.
    #[must_use]
    pub fn of_passkey(&self, token: SecretString) -> PasskeyChallenge {
        PasskeyChallenge::of_token(token, self.expires_at)
    }
}

impl SecondFactors {
    /// Creates the challenge of a user who has proven the first factor, in the transaction of the sign-in.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn begin_challenge(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        method: AuthenticationMethod,
        methods: Vec<AuthenticationMethod>,
        client: &ClientInfo,
    ) -> Result<PendingSignIn, DbErr> {
        let (challenge, row) = new_challenge(&self.clock, account, method, client, LIFETIME)?;
        let expires_at = row.expires_at.0;
        store::challenge::insert(transaction, row).await?;
        // The passkey signs a value that belongs to this challenge, so its response is of use for this sign-in only.
        let of_passkey = PasskeyChallenge::of_token(challenge.clone(), expires_at);
        let passkey_options =
            self.passkeys.verification_options(transaction, account.id, &of_passkey).await?;
        Ok(PendingSignIn { challenge, expires_at, methods, passkey_options, enrolment: None })
    }

    /// Finds the valid challenge of a client, without using it.
    ///
    /// # Errors
    /// [`FactorError::UnknownChallenge`], or if a database query fails.
    pub async fn find_challenge(
        &self,
        challenge: &SecretString,
        client: &ClientInfo,
    ) -> Result<Challenge, FactorError> {
        let hash = hash_token(challenge.expose_secret()).ok_or(FactorError::UnknownChallenge)?;
        let found = store::challenge::find(self.database.reader(), hash, self.clock.now()).await?;
        let found = found.filter(|row| row.client_hash == client_hash(client));
        let challenge = found.and_then(|row| {
            Some(Challenge {
                id: row.id,
                expires_at: row.expires_at.0,
                user: UserId::from_uuid(row.user_id),
                token_version: row.token_version,
                method: AuthenticationMethod::from_name(&row.method)?,
                is_enrolment: row.sealed_secret.is_some(),
            })
        });
        challenge.ok_or(FactorError::UnknownChallenge)
    }

    /// Counts an attempt of a challenge, before the factor is checked.
    ///
    /// # Errors
    /// [`FactorError::UnknownChallenge`] if it was used or permits no further attempt, or if a database query fails.
    pub async fn count_challenge_attempt(&self, challenge: &Challenge) -> Result<(), FactorError> {
        let may_try =
            store::challenge::count_attempt(self.database.writer(), challenge.id, MAX_ATTEMPTS).await?;
        if may_try { Ok(()) } else { Err(FactorError::UnknownChallenge) }
    }

    /// Uses up a challenge whose factor was proven, in the transaction that opens the session.
    ///
    /// # Errors
    /// [`FactorError::UnknownChallenge`] if it was used meanwhile, or if a database query fails.
    pub async fn use_challenge(
        &self,
        transaction: &impl ConnectionTrait,
        challenge: &Challenge,
    ) -> Result<(), FactorError> {
        let is_unused = store::challenge::delete(transaction, challenge.id).await?;
        if is_unused { Ok(()) } else { Err(FactorError::UnknownChallenge) }
    }

    /// Counts an attempt to prove a factor of an account, before the factor is checked.
    ///
    /// # Errors
    /// [`FactorError::RateLimited`], or if a database query fails.
    pub async fn count_attempt(&self, user: UserId) -> Result<RecordedAttempt, FactorError> {
        match self.throttle.try_factor(user).await? {
            Decision::Allowed(attempt) => Ok(attempt),
            Decision::Refused { retry_after, .. } => Err(FactorError::RateLimited { retry_after }),
        }
    }
}

/// The challenge of a user who has proven this first factor, and its row.
pub(super) fn new_challenge(
    clock: &Clock,
    account: &Account,
    method: AuthenticationMethod,
    client: &ClientInfo,
    lifetime: Duration,
) -> Result<(SecretString, ChallengeRow), NoRandomBytes> {
    let (now, challenge) = (clock.now(), random_token()?);
    let row = ChallengeRow {
        id: clock.uuid(),
        token_hash: hash_token(challenge.expose_secret()).unwrap_or_default(),
        user_id: account.id.uuid(),
        token_version: account.token_version,
        method: method.name().to_owned(),
        client_hash: client_hash(client),
        attempts: 0,
        created_at: Millis(now),
        expires_at: Millis(now + lifetime),
        sealed_secret: None,
    };
    Ok((challenge, row))
}

/// A hash of the device and the network of a client. A phone keeps both while its user looks up a code.
fn client_hash(client: &ClientInfo) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(wide_network(client.address.to_canonical()).to_string().as_bytes());
    context.update(b" ");
    context.update(device_of(client.user_agent.as_deref()).unwrap_or_default().as_bytes());
    context.finish().as_ref().to_vec()
}
