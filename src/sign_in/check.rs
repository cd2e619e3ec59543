use super::{SignIn, SignInError};
use crate::{
    accounts::{Account, Credentials, EmailAddress, Username},
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    id::UserId,
    limits::{Decision, RecordedAttempt, Target, account_key},
    passwords::{HashError, PasswordAttempt, VerificationResult},
};

/// An account whose password was verified.
pub(super) struct VerifiedAccount {
    pub(super) account: Account,
    /// A hash to store instead of the one that was verified, because its parameters are outdated.
    pub(super) replacement: Option<String>,
    /// The attempt, which still counts as a failure.
    pub(super) attempt: RecordedAttempt,
}

/// The key by which the throttle counts an attempt. All spellings of a name have one key, whether or not an
/// account has the name; otherwise the throttle would reveal which names exist. No name can collide with an
/// id.
fn subject(name: &str, user: Option<UserId>) -> String {
    match (user, Username::parse(name), EmailAddress::parse(name)) {
        (Some(user), ..) => account_key(user),
        (None, Ok(username), _) => format!("name {}", username.key()),
        (None, Err(_), Ok(email)) => format!("name {}", email.key()),
        (None, Err(_), Err(_)) => format!("name {name}"),
    }
}

impl SignIn {
    /// Verifies a password: counts the attempt, compares, and records a failure. `name` is the text that the
    /// user typed; the throttle uses it if there is no account. The caller clears the failures of the attempt, in
    /// the transaction that it needs anyway.
    pub(super) async fn verify_password(
        &self,
        name: &str,
        found: Option<Credentials>,
        password: &PasswordAttempt,
        client: &ClientInfo,
    ) -> Result<VerifiedAccount, SignInError> {
        let user = found.as_ref().map(|found| found.account.id);
        let subject = subject(name, user);
        let target = Target {
            account: &subject,
            token_version: found.as_ref().map(|found| found.account.token_version),
        };
        let attempt = match self.throttle.try_password(target, client.address).await? {
            Decision::Allowed(attempt) => attempt,
            Decision::Refused { retry_after, is_new } => {
                if is_new {
                    self.record_failure(AuditAction::LoginThrottled, user, client).await?;
                }
                return Err(SignInError::RateLimited { retry_after });
            }
        };
        // An account without a password is checked like one that does not exist.
        let stored = found.as_ref().map(|found| found.password_hash.as_str()).filter(|hash| !hash.is_empty());
        let hasher = self.hasher.on_behalf_of(client.address, &subject);
        let verdict = match hasher.verify(password, stored).await {
            // It has cost as much time as a wrong password, and the caller gets the same error.
            Err(HashError::Malformed(error)) => {
                tracing::error!(%error, user = user.map(tracing::field::display), "a stored password hash is damaged");
                VerificationResult::Mismatch
            }
            // No password was compared, so the attempt is refunded.
            Err(error @ HashError::QueueFull { .. }) => {
                self.throttle.refund(&attempt).await?;
                return Err(error.into());
            }
            verdict => verdict?,
        };
        let (VerificationResult::Match { replacement }, Some(found)) = (verdict, found) else {
            self.record_failure(AuditAction::LoginFailed, user, client).await?;
            return Err(SignInError::InvalidCredentials);
        };
        if found.account.disabled {
            self.clear_failures(&attempt).await?;
            self.record_failure(AuditAction::LoginFailed, user, client).await?;
            return Err(SignInError::AccountDisabled);
        }
        Ok(VerifiedAccount { account: found.account, replacement, attempt })
    }

    /// Verifies the password of a user who is already signed in.
    pub(super) async fn confirm_password(
        &self,
        user: UserId,
        password: &PasswordAttempt,
        client: &ClientInfo,
    ) -> Result<Account, SignInError> {
        let found = self.accounts.find_credentials_by_id(user).await?;
        let verified = self.verify_password(&user.to_string(), found, password, client).await?;
        self.clear_failures(&verified.attempt).await?;
        Ok(verified.account)
    }

    /// Confirms that somebody is the user of an account: by its password, or without one if it has none. Then the caller has
    /// checked that the login is recent.
    pub(super) async fn confirm_owner(
        &self,
        user: UserId,
        password: Option<&PasswordAttempt>,
        client: &ClientInfo,
    ) -> Result<Account, SignInError> {
        if let Some(password) = password {
            return self.confirm_password(user, password, client).await;
        }
        if self.accounts.has_password(self.database.reader(), user).await? {
            return Err(SignInError::InvalidCredentials);
        }
        let account = self.accounts.find(user).await?.ok_or(SignInError::SessionOver)?;
        Ok((*account).clone())
    }

    /// Clears the failures after an attempt with the correct password, in a transaction of its own.
    pub(super) async fn clear_failures(&self, attempt: &RecordedAttempt) -> Result<(), SignInError> {
        let transaction = self.database.begin_short().await?;
        self.throttle.clear_failures(&transaction, attempt).await?;
        Ok(transaction.commit().await?)
    }

    pub(super) async fn record_failure(
        &self,
        action: AuditAction,
        user: Option<UserId>,
        client: &ClientInfo,
    ) -> Result<(), SignInError> {
        let new_event = NewEvent { action, user, session: None, actor: Actor::anonymous(client) };
        self.audit.record_standalone(new_event).await?;
        Ok(())
    }
}
