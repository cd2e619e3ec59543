//! The first factor of an account that must have one: it is added with the second step of a sign-in, because no session
//! may be opened before.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Challenge, Factor, FactorError, PendingSignIn, SecondFactors, StartedTotp,
    challenge::new_challenge,
    store::{self, challenge::ChallengeRow, totp::TotpRow},
    totp::TotpSecret,
};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    client::ClientInfo,
    mail::MessageKind,
    sessions::AuthenticationMethod,
};

/// The time in which a user must add a factor. They may have to install an app first.
const ENROLMENT_LIFETIME: Duration = Duration::from_mins(15);

/// The proof of the second step of a sign-in.
pub struct ProvenFactor {
    /// New recovery codes. `None` unless the step has added the first factor of the account.
    pub recovery_codes: Option<Vec<SecretString>>,
    /// The changes to publish with the commit.
    pub changes: Vec<Change>,
}

impl SecondFactors {
    /// Creates the challenge of a user who has proven the first factor and must add a second one, in the transaction of the
    /// sign-in. The secret of the authenticator app belongs to the challenge, so no other sign-in can replace it.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn begin_enrolment(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        method: AuthenticationMethod,
        client: &ClientInfo,
    ) -> Result<PendingSignIn, FactorError> {
        let secret = TotpSecret::generate()?;
        let (challenge, row) = new_challenge(&self.clock, account, method, client, ENROLMENT_LIFETIME)?;
        let sealed = self.sealers.seal(secret.as_bytes(), &row.id.to_string());
        let sealed_secret = Some(sealed.map_err(|_| FactorError::Damaged)?);
        let expires_at = row.expires_at.0;
        store::challenge::insert(transaction, ChallengeRow { sealed_secret, ..row }).await?;
        let uri = secret.uri(self.mail.service_name(), &account.username);
        let (secret, uri) = secret.base32().zip(uri).ok_or(FactorError::Damaged)?;
        let (methods, enrolment) = (vec![AuthenticationMethod::Totp], Some(StartedTotp { secret, uri }));
        Ok(PendingSignIn { challenge, expires_at, methods, passkey_options: None, enrolment })
    }

    /// Checks the factor of a challenge, or adds the app that the challenge has created, in the transaction of the sign-in.
    /// The account's row is locked. Returns `None` if the factor is wrong, which is recorded in the audit log.
    ///
    /// # Errors
    /// [`FactorError::UnknownChallenge`], [`FactorError::Damaged`], or if a database query fails.
    pub async fn prove(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        challenge: &Challenge,
        factor: &Factor,
        actor: Actor<'_>,
    ) -> Result<Option<ProvenFactor>, FactorError> {
        if !challenge.is_enrolment {
            let is_proven = self.permits(account, challenge, factor)
                && self.check(transaction, account, factor, actor).await?;
            return Ok(is_proven.then(|| ProvenFactor { recovery_codes: None, changes: Vec::new() }));
        }
        // The account may have got a factor since the challenge was created. Then only that factor signs in.
        if !self.methods(transaction, account.id).await?.is_empty() {
            return Err(FactorError::UnknownChallenge);
        }
        let sealed = store::challenge::sealed_secret(transaction, challenge.id).await?;
        let sealed = sealed.ok_or(FactorError::UnknownChallenge)?;
        let id = challenge.id.to_string();
        let opened = self.sealers.open(&sealed, &id);
        let secret = opened.map(TotpSecret::from_bytes).map_err(|_| FactorError::Damaged)?;
        let step = match factor {
            Factor::Totp(code) => secret.step_of(code.expose_secret(), self.clock.now(), -1),
            _ => None,
        };
        let Some(step) = step else {
            let (action, user) = (AuditAction::SecondFactorFailed, Some(account.id));
            self.audit.record(transaction, NewEvent { action, user, session: None, actor }).await?;
            return Ok(None);
        };
        // The master secret may have changed since the challenge was created.
        let sealed = self.sealers.seal(secret.as_bytes(), &id).map_err(|_| FactorError::Damaged)?;
        let row = TotpRow::confirmed_with(challenge.id, sealed, step, self.clock.now());
        store::totp::insert_only(transaction, account.id, row).await?;
        let (recovery_codes, changes) = self.added_at_sign_in(transaction, account, actor).await?;
        Ok(Some(ProvenFactor { recovery_codes: Some(recovery_codes), changes }))
    }

    /// Whether a factor may complete the sign-in of a challenge.
    fn permits(&self, account: &Account, challenge: &Challenge, factor: &Factor) -> bool {
        match factor {
            Factor::EmailCode(_) => self.permits_email_code(account, &[challenge.method]),
            Factor::Totp(_) | Factor::RecoveryCode(_) | Factor::Passkey(_) => true,
        }
    }

    /// Returns an error if the policy requires a second factor of the account and it has none any more, in the
    /// transaction that has removed one.
    ///
    /// # Errors
    /// [`FactorError::LastRequired`], or if a database query fails.
    pub async fn ensure_enough_factors(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<(), FactorError> {
        let must_have = self.accounts.must_have_factor(&account.roles);
        if must_have && !self.accounts.has_factor(transaction, account.id).await? {
            return Err(FactorError::LastRequired);
        }
        Ok(())
    }

    /// Records the first factor of an account without a session. Its sessions end, because they were opened without it;
    /// its personal access tokens stay.
    async fn added_at_sign_in(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(Vec<SecretString>, Vec<Change>), FactorError> {
        let (action, user) = (AuditAction::SecondFactorAdded, Some(account.id));
        self.audit.record(transaction, NewEvent { action, user, session: None, actor }).await?;
        self.accounts.send_notice(transaction, MessageKind::SecondFactorAdded, account, actor).await?;
        let changes = self.sessions.revoke_sessions_in(transaction, account.id, None, actor).await?;
        Ok((self.replace_recovery_codes(transaction, account.id).await?, changes))
    }
}
