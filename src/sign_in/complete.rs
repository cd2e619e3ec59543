use secrecy::SecretString;

use super::{SignIn, SignInError};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    client::ClientInfo,
    clock::Timestamp,
    database::Transaction,
    hooks::TokenAdditions,
    limits::Decision,
    proofs::InvalidProof,
    sessions::{AuthenticationMethod, SignedIn},
};

/// An authenticated user, whose sign-in can be completed.
pub(super) struct Authenticated {
    /// The account.
    pub(super) account: Account,
    /// The ways in which the user was authenticated, in this order.
    pub(super) methods: Vec<AuthenticationMethod>,
    /// A hash to store instead of the one of the password, because its parameters are outdated.
    pub(super) replacement: Option<String>,
    /// The additions of the application to the tokens.
    pub(super) additions: TokenAdditions,
    /// The changes that the transaction has made, which are published with its commit.
    pub(super) changes: Vec<Change>,
}

/// The factors that a user has proven.
enum Factors {
    /// All that the account has or must have.
    Proven {
        /// The time at which the last of them was proven, if that was at an earlier sign-in on this device.
        at: Option<Timestamp>,
    },
    /// A second factor of the account is missing. These are the ways to prove one.
    Missing(Vec<AuthenticationMethod>),
    /// The account must have a second factor, and has none.
    Overdue,
}

impl SignIn {
    /// Completes the sign-in of an authenticated user: opens a session, records it in the audit log, issues the tokens, and
    /// commits. Every way to sign in ends here, so an account with a second factor cannot be signed in to without it, and one
    /// that must have a factor not before it has one.
    ///
    /// # Errors
    /// [`SignInError::SecondFactorRequired`] if a second factor is missing: then the transaction was committed without a
    /// session. Otherwise it was rolled back.
    pub(super) async fn complete_sign_in(
        &self,
        transaction: Transaction,
        user: Authenticated,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        self.complete_on_device(transaction, user, None, client).await
    }

    /// Completes a sign-in as [`SignIn::complete_sign_in`] does. `device` is the token of a trusted device, which replaces
    /// the second factor. Only ways to sign in that users take every day accept one: a reset of the password does not.
    ///
    /// # Errors
    /// As [`SignIn::complete_sign_in`].
    pub(super) async fn complete_on_device(
        &self,
        transaction: Transaction,
        user: Authenticated,
        device: Option<&SecretString>,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        if let Decision::Refused { retry_after, .. } =
            self.throttle.count_login(&transaction, user.account.id).await?
        {
            transaction.rollback().await?;
            return Err(SignInError::RateLimited { retry_after });
        }
        let proven_at = match self.check_factors(&transaction, &user, device, client).await? {
            Factors::Proven { at } => at,
            Factors::Missing(missing) => {
                return Err(self.require_second_factor(transaction, user, missing, client).await?);
            }
            Factors::Overdue => return Err(self.require_enrolment(transaction, user, client).await?),
        };
        let Authenticated { account, methods, replacement, additions, mut changes } = user;
        // The account may have changed while its user was authenticated. What was proven must not sign in then.
        if !self.accounts.record_login(&transaction, &account, replacement).await? {
            transaction.rollback().await?;
            return Err(outdated(&methods));
        }
        self.notify_of_new_device(&transaction, &account, client).await?;
        let (opened, ended) = self.sessions.open(&transaction, &account, methods, proven_at, client).await?;
        changes.extend(ended);
        let new_event = NewEvent {
            action: AuditAction::LoginSucceeded,
            user: Some(account.id),
            session: Some(opened.session.id),
            actor: Actor::Client { client, user: Some(account.id) },
        };
        let event = self.audit.record(&transaction, new_event).await?;
        if account.deletion_at.is_some() {
            let action = AuditAction::UserDeletionCancelled;
            self.audit.record(&transaction, NewEvent { action, ..new_event }).await?;
        }
        self.throttle
            .remember_address(&transaction, (account.id, account.token_version), client.address)
            .await?;
        let id = account.id;
        let account = Account { last_login_at: Some(event.at), deletion_at: None, ..account };
        // Issued before the commit, so that a failure to sign rolls everything back.
        let signed_in = self.sessions.issue(account, opened, additions)?;
        self.feed.commit(transaction, &changes).await?;
        self.accounts.invalidate(id);
        self.mail.wake();
        Ok(signed_in)
    }

    /// Checks that the user has proven each factor that the account has or must have.
    async fn check_factors(
        &self,
        transaction: &Transaction,
        user: &Authenticated,
        device: Option<&SecretString>,
        client: &ClientInfo,
    ) -> Result<Factors, SignInError> {
        let mut at = None;
        let missing = self.second_factors.missing(transaction, &user.account, &user.methods).await?;
        if !missing.is_empty() {
            let devices = &self.sessions.trusted_devices;
            let trusted = match device {
                Some(token) => devices.recognize(transaction, &user.account, token, client).await?,
                None => None,
            };
            let Some(trusted) = trusted else { return Ok(Factors::Missing(missing)) };
            // The time of the second factor, so that a field that requires a recent login asks for it.
            at = Some(trusted.created_at);
        }
        let is_overdue = self.accounts.is_factor_overdue(transaction, &user.account).await?;
        Ok(if is_overdue { Factors::Overdue } else { Factors::Proven { at } })
    }

    /// Commits what the first factor has changed, and returns the error with the challenge that adds a second one.
    async fn require_enrolment(
        &self,
        transaction: Transaction,
        user: Authenticated,
        client: &ClientInfo,
    ) -> Result<SignInError, SignInError> {
        let Authenticated { account, methods, changes, .. } = user;
        let Some(method) = methods.first().copied() else { return Err(outdated(&methods)) };
        let pending = self.second_factors.begin_enrolment(&transaction, &account, method, client).await?;
        self.feed.commit(transaction, &changes).await?;
        self.accounts.invalidate(account.id);
        self.mail.wake();
        Ok(SignInError::SecondFactorRequired(Box::new(pending)))
    }

    /// Commits what the first factor has changed, and returns the error with the challenge for the second one.
    async fn require_second_factor(
        &self,
        transaction: Transaction,
        user: Authenticated,
        missing: Vec<AuthenticationMethod>,
        client: &ClientInfo,
    ) -> Result<SignInError, SignInError> {
        let Authenticated { account, methods, changes, .. } = user;
        let Some(method) = methods.first().copied() else { return Err(outdated(&methods)) };
        let pending =
            self.second_factors.begin_challenge(&transaction, &account, method, missing, client).await?;
        self.feed.commit(transaction, &changes).await?;
        self.accounts.invalidate(account.id);
        self.mail.wake();
        Ok(SignInError::SecondFactorRequired(Box::new(pending)))
    }
}

/// The error for a proof of an account that has changed in the meantime.
fn outdated(methods: &[AuthenticationMethod]) -> SignInError {
    match methods {
        [AuthenticationMethod::Password] => SignInError::InvalidCredentials,
        _ => InvalidProof::Unknown.into(),
    }
}
