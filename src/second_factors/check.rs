use sea_orm::{ConnectionTrait, DbErr};
use secrecy::{ExposeSecret, SecretString};

use super::{
    FactorError, SecondFactors, recovery_code, store,
    store::totp::TotpRow,
    totp::{self, TotpSecret},
};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    id::UserId,
    mail::MessageKind,
    passkeys::{PasskeyError, VerifiedPasskey},
    proofs::Proof,
    sessions::AuthenticationMethod,
};

/// A proof of a second factor. What was verified before the transaction counts when [`SecondFactors::check`] has used it.
pub enum Factor {
    /// A code of the authenticator app.
    Totp(SecretString),
    /// A recovery code.
    RecoveryCode(SecretString),
    /// A passkey, whose response was verified.
    Passkey(VerifiedPasskey),
    /// A code that was sent by e-mail, and was verified.
    EmailCode(Proof),
}

impl Factor {
    /// The way in which the user proves the factor.
    #[must_use]
    pub const fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Totp(_) => AuthenticationMethod::Totp,
            Self::RecoveryCode(_) => AuthenticationMethod::RecoveryCode,
            Self::Passkey(_) => AuthenticationMethod::Passkey,
            Self::EmailCode(_) => AuthenticationMethod::EmailCode,
        }
    }
}

impl SecondFactors {
    /// Checks a factor of an account and uses it, in the transaction of what it permits. The account's row is locked.
    /// Returns `false` if it is wrong, which is recorded in the audit log.
    ///
    /// # Errors
    /// [`FactorError::Damaged`], or if a database query fails.
    pub async fn check(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        factor: &Factor,
        actor: Actor<'_>,
    ) -> Result<bool, FactorError> {
        let user = account.id;
        let is_proven = match factor {
            Factor::Totp(code) => self.check_totp(transaction, user, code).await?,
            Factor::RecoveryCode(code) => self.check_recovery_code(transaction, user, code).await?,
            Factor::Passkey(verified) => self.use_passkey(transaction, user, verified).await?,
            Factor::EmailCode(proof) => self.use_email_code(transaction, account, proof).await?,
        };
        let record = |action| NewEvent { action, user: Some(user), session: None, actor };
        if !is_proven {
            self.audit.record(transaction, record(AuditAction::SecondFactorFailed)).await?;
        } else if matches!(factor, Factor::RecoveryCode(_)) {
            self.audit.record(transaction, record(AuditAction::RecoveryCodeUsed)).await?;
            self.sessions.trusted_devices.revoke_all_in(transaction, user).await?;
            self.accounts.send_notice(transaction, MessageKind::RecoveryCodeUsed, account, actor).await?;
        }
        Ok(is_proven)
    }

    async fn check_totp(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        code: &SecretString,
    ) -> Result<bool, FactorError> {
        match store::totp::confirmed(transaction, user).await? {
            Some(row) => self.use_code(transaction, &row, code).await,
            None => Ok(false),
        }
    }

    /// Uses a code of a secret. Returns `false` if it is wrong, or if its step or a later one was used.
    pub(super) async fn use_code(
        &self,
        transaction: &impl ConnectionTrait,
        row: &TotpRow,
        code: &SecretString,
    ) -> Result<bool, FactorError> {
        let now = self.clock.now();
        let secret = self.unseal(row)?;
        let Some(step) = secret.step_of(code.expose_secret(), now, row.last_step) else { return Ok(false) };
        Ok(store::totp::use_step(transaction, row.id, step, now).await?)
    }

    /// Uses a recovery code. Whoever lost the app may have lost it to a thief, so the app's codes of this moment are void.
    async fn check_recovery_code(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        code: &SecretString,
    ) -> Result<bool, FactorError> {
        let Some(hash) = recovery_code::hash(code.expose_secret()) else { return Ok(false) };
        let now = self.clock.now();
        if !store::recovery_code::consume(transaction, user, hash, now).await? {
            return Ok(false);
        }
        if let Some(row) = store::totp::confirmed(transaction, user).await? {
            store::totp::void_until(transaction, row.id, totp::step_at(now) + 1).await?;
        }
        Ok(true)
    }

    /// Uses a passkey. `false` if it was deleted or used since its response was verified.
    async fn use_passkey(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        verified: &VerifiedPasskey,
    ) -> Result<bool, FactorError> {
        match self.passkeys.record_use(transaction, verified).await {
            Ok(()) => Ok(verified.user == user),
            Err(PasskeyError::InvalidChallenge | PasskeyError::Rejected { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Uses a code that was sent to the address of an account. `false` if it was used, or if the address has changed.
    async fn use_email_code(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        proof: &Proof,
    ) -> Result<bool, FactorError> {
        let is_own = proof.user == account.id && account.email.as_deref() == Some(&proof.email);
        Ok(is_own && self.proofs.consume(transaction, proof).await?)
    }

    pub(super) fn unseal(&self, row: &TotpRow) -> Result<TotpSecret, FactorError> {
        let secret = self.sealers.open(&row.sealed_secret, &row.id.to_string());
        secret.map(TotpSecret::from_bytes).map_err(|_| FactorError::Damaged)
    }

    /// Encrypts the secrets of authenticator apps with the current master secret. Returns how many were encrypted with the
    /// secondary one.
    ///
    /// # Errors
    /// If a secret can be decrypted with neither, or a database query fails.
    pub async fn rewrap(&self, transaction: &impl ConnectionTrait) -> Result<usize, FactorError> {
        let mut count = 0;
        for row in self.under_old_secret(transaction).await? {
            let secret = self.unseal(&row)?;
            let sealed = self.sealers.seal(secret.as_bytes(), &row.id.to_string());
            store::totp::reseal(transaction, row.id, sealed.map_err(|_| FactorError::Damaged)?).await?;
            count += 1;
        }
        Ok(count)
    }

    /// The number of secrets of authenticator apps that are not encrypted with the current master secret.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count_under_old_secret(&self) -> Result<usize, DbErr> {
        Ok(self.under_old_secret(self.database.reader()).await?.len())
    }

    async fn under_old_secret(&self, db: &impl ConnectionTrait) -> Result<Vec<TotpRow>, DbErr> {
        let mut rows = store::totp::all(db).await?;
        rows.retain(|row| !self.sealers.is_current(&row.sealed_secret, &row.id.to_string()));
        Ok(rows)
    }
}
