use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use secrecy::{ExposeSecret, SecretString};

use super::{FactorError, SecondFactors, recovery_code, store, totp::TotpSecret};
use crate::{
    accounts::{Account, AccountError},
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    id::{SessionId, UserId},
    mail::MessageKind,
    sessions::AuthenticationMethod,
    tokens::TokenError,
};

/// The time in which the first code of an app must be entered.
const CONFIRM_WITHIN: Duration = Duration::from_mins(15);

/// A secret to enter into an authenticator app.
#[derive(Debug)]
pub struct StartedTotp {
    /// The secret in base32, for typing.
    pub secret: SecretString,
    /// The otpauth URI, for a QR code.
    pub uri: SecretString,
}

impl SecondFactors {
    /// Creates the secret of an authenticator app. It is no factor before its first code is confirmed.
    ///
    /// # Errors
    /// [`FactorError::Account`] if the caller may no longer act, or if a database query fails.
    pub async fn start_totp(&self, actor: Actor<'_>) -> Result<StartedTotp, FactorError> {
        let secret = TotpSecret::generate()?;
        let (id, now) = (self.clock.uuid(), self.clock.now());
        let sealed = self.sealers.seal(secret.as_bytes(), &id.to_string());
        let sealed = sealed.map_err(|_| FactorError::Damaged)?;

        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        store::totp::replace_unconfirmed(&transaction, account.id, (id, sealed), now).await?;
        transaction.commit().await?;
        let uri = secret.uri(self.mail.service_name(), &account.username);
        let (secret, uri) = secret.base32().zip(uri).ok_or(FactorError::Damaged)?;
        Ok(StartedTotp { secret, uri })
    }

    /// Confirms an authenticator app by its first code: from now on it is a factor of the account, and the previous app is
    /// not. The first factor of an account ends its other sessions, which were opened without one. Returns new recovery
    /// codes if the account has none.
    ///
    /// # Errors
    /// [`FactorError::Missing`] if no app was started recently, [`FactorError::WrongCode`], [`FactorError::RateLimited`],
    /// or [`FactorError::Account`].
    pub async fn confirm_totp(
        &self,
        code: &SecretString,
        session: SessionId,
        actor: Actor<'_>,
    ) -> Result<Option<Vec<SecretString>>, FactorError> {
        let user = actor.user().ok_or(FactorError::UnknownChallenge)?;
        let attempt = self.count_attempt(user).await?;
        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        let since = self.clock.now() - CONFIRM_WITHIN;
        let Some(row) = store::totp::unconfirmed(&transaction, user, since).await? else {
            transaction.rollback().await?;
            return Err(FactorError::Missing("Start with startTotp: no authenticator app waits for a code."));
        };
        if !self.use_code(&transaction, &row, code).await? {
            transaction.rollback().await?;
            return Err(FactorError::WrongCode);
        }
        let is_first = self.methods(&transaction, user).await?.is_empty();
        store::totp::confirm(&transaction, user, row.id, self.clock.now()).await?;
        self.throttle.clear_failures(&transaction, &attempt).await?;
        let (action, own) = (AuditAction::SecondFactorAdded, Some(session));
        self.audit.record(&transaction, NewEvent { action, user: Some(user), session: own, actor }).await?;
        self.accounts.send_notice(&transaction, MessageKind::SecondFactorAdded, &account, actor).await?;
        let method = AuthenticationMethod::Totp;
        let added = self.added(&transaction, user, (method, is_first), session, actor).await?;
        self.feed.commit(transaction, &added.changes).await?;
        self.mail.wake();
        Ok(added.recovery_codes)
    }

    /// Removes the authenticator app of an account.
    ///
    /// # Errors
    /// [`FactorError::Missing`] if there is none, or [`FactorError::Account`].
    pub async fn remove_totp(&self, actor: Actor<'_>) -> Result<Account, FactorError> {
        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        if !store::totp::delete_of(&transaction, account.id).await? {
            transaction.rollback().await?;
            return Err(FactorError::Missing("Your account has no authenticator app."));
        }
        self.ensure_enough_factors(&transaction, &account).await?;
        self.app_removed(&transaction, &account, actor).await?;
        self.clean_up(&transaction, account.id).await?;
        transaction.commit().await?;
        self.mail.wake();
        Ok(account)
    }

    /// Creates new recovery codes, which void the previous ones.
    ///
    /// # Errors
    /// [`FactorError::Missing`] if the account has no second factor, or [`FactorError::Account`].
    pub async fn create_recovery_codes(&self, actor: Actor<'_>) -> Result<Vec<SecretString>, FactorError> {
        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        if self.methods(&transaction, account.id).await?.is_empty() {
            transaction.rollback().await?;
            return Err(FactorError::Missing("Add a second factor first: recovery codes replace one."));
        }
        let codes = self.replace_recovery_codes(&transaction, account.id).await?;
        let (action, user) = (AuditAction::RecoveryCodesCreated, Some(account.id));
        self.audit.record(&transaction, NewEvent { action, user, session: None, actor }).await?;
        transaction.commit().await?;
        Ok(codes)
    }

    /// Removes all second factors of an account and ends its challenges, in a transaction.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn reset(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(), FactorError> {
        if store::totp::delete_of(transaction, account.id).await? {
            self.app_removed(transaction, account, actor).await?;
        }
        self.remove_passkeys(transaction, account, actor).await
    }

    /// Does what a new factor causes. The first one ends the sessions that were opened without it.
    pub(super) async fn added(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        (method, is_first): (AuthenticationMethod, bool),
        session: SessionId,
        actor: Actor<'_>,
    ) -> Result<Added, FactorError> {
        self.sessions.add_method(transaction, session, method).await?;
        self.sessions.trusted_devices.revoke_all_in(transaction, user).await?;
        let changes = if is_first {
            self.sessions.revoke_all_in(transaction, user, Some(session), actor).await?
        } else {
            Vec::new()
        };
        let has_codes = !store::recovery_code::list(transaction, user).await?.is_empty();
        let recovery_codes =
            if has_codes { None } else { Some(self.replace_recovery_codes(transaction, user).await?) };
        Ok(Added { recovery_codes, changes })
    }

    async fn app_removed(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(), FactorError> {
        let (action, user) = (AuditAction::SecondFactorRemoved, Some(account.id));
        self.audit.record(transaction, NewEvent { action, user, session: None, actor }).await?;
        Ok(self.accounts.send_notice(transaction, MessageKind::SecondFactorRemoved, account, actor).await?)
    }

    /// Deletes the recovery codes and the challenges of an account without a factor: they have no use, and must not
    /// apply to a factor that is added later.
    pub(super) async fn clean_up(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<(), DbErr> {
        self.sessions.trusted_devices.revoke_all_in(transaction, user).await?;
        if self.methods(transaction, user).await?.is_empty() {
            store::recovery_code::delete_of(transaction, user).await?;
            store::challenge::delete_of(transaction, user).await?;
        }
        Ok(())
    }

    /// Creates recovery codes in place of those of an account.
    pub(crate) async fn replace_recovery_codes(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<Vec<SecretString>, FactorError> {
        let codes = (0..recovery_code::CODES).map(|_| recovery_code::generate());
        let codes: Vec<SecretString> = codes.collect::<Result<_, _>>()?;
        let hashes = codes.iter().filter_map(|code| recovery_code::hash(code.expose_secret())).collect();
        store::recovery_code::replace(transaction, user, hashes, self.clock.now()).await?;
        Ok(codes)
    }

    /// Locks the account of an actor who changes its factors. If it has one, the session must have proven two: a session
    /// on a trusted device, or with a code by e-mail, has not.
    pub(super) async fn lock(
        &self,
        transaction: &impl ConnectionTrait,
        actor: Actor<'_>,
    ) -> Result<Account, FactorError> {
        let locked = self.accounts.lock_actor(transaction, actor, None).await?;
        let revoked = AccountError::Unauthenticated(TokenError::Revoked);
        let account = locked.actor.ok_or(revoked)?;
        let session = match actor {
            Actor::Bearer { claims, .. } => claims.account().and_then(|account| account.session()),
            Actor::Server | Actor::Client { .. } => None,
        };
        if !self.methods(transaction, account.id).await?.is_empty()
            && !self.sessions.has_two_factors(transaction, session).await?
        {
            return Err(FactorError::StrongerLoginRequired);
        }
        Ok(account)
    }
}

/// The effects of a new factor.
pub(super) struct Added {
    /// New recovery codes. `None` if the account has some.
    pub(super) recovery_codes: Option<Vec<SecretString>>,
    /// The changes to publish with the commit.
    pub(super) changes: Vec<Change>,
}
