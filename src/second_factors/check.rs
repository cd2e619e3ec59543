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
    sessions::AuthenticationMethod,
};

/// A proof of a second factor.
pub enum Factor {
    /// A code of the authenticator app.
    Totp(SecretString),
    /// A recovery code.
    RecoveryCode(SecretString),
}

impl SecondFactors {
    /// Checks a factor of an account and uses it, in the transaction of what it permits. The account's row is locked.
    /// Returns `None` if it is wrong, which is recorded in the audit log.
    ///
    /// # Errors
    /// [`FactorError::Damaged`], or if a database query fails.
    pub async fn check(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        factor: &Factor,
        actor: Actor<'_>,
    ) -> Result<Option<AuthenticationMethod>, FactorError> {
        let record = |action| NewEvent { action, user: Some(account.id), session: None, actor };
        let method = match factor {
            Factor::Totp(code) => self.check_totp(transaction, account.id, code).await?,
            Factor::RecoveryCode(code) => self.check_recovery_code(transaction, account.id, code).await?,
        };
        match method {
            None => {
                self.audit.record(transaction, record(AuditAction::SecondFactorFailed)).await?;
            }
            Some(AuthenticationMethod::RecoveryCode) => {
                self.audit.record(transaction, record(AuditAction::RecoveryCodeUsed)).await?;
                self.sessions.trusted_devices.revoke_all_in(transaction, account.id).await?;
                self.accounts.send_notice(transaction, MessageKind::RecoveryCodeUsed, account, actor).await?;
            }
            Some(_) => {}
        }
        Ok(method)
    }

    async fn check_totp(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        code: &SecretString,
    ) -> Result<Option<AuthenticationMethod>, FactorError> {
        let Some(row) = store::totp::confirmed(transaction, user).await? else { return Ok(None) };
        let is_used = self.use_code(transaction, &row, code).await?;
        Ok(is_used.then_some(AuthenticationMethod::Totp))
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
    ) -> Result<Option<AuthenticationMethod>, FactorError> {
        let Some(hash) = recovery_code::hash(code.expose_secret()) else { return Ok(None) };
        let now = self.clock.now();
        if !store::recovery_code::consume(transaction, user, hash, now).await? {
            return Ok(None);
        }
        if let Some(row) = store::totp::confirmed(transaction, user).await? {
            store::totp::void_until(transaction, row.id, totp::step_at(now) + 1).await?;
        }
        Ok(Some(AuthenticationMethod::RecoveryCode))
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
