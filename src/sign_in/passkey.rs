use secrecy::SecretString;
use serde_json::Value as Json;

use super::{SignIn, SignInError, complete::Authenticated};
use crate::{
    audit::AuditAction,
    client::ClientInfo,
    limits::{Decision, RecordedAttempt},
    passkeys::{PasskeyError, Purpose, VerifiedPasskey, webauthn::Rejection},
    sessions::{AuthenticationMethod, SignedIn},
};

const NO_ACCOUNT: Rejection = Rejection("the account is disabled or deleted");

impl SignIn {
    /// Signs in the user of a passkey, who is not asked for a name. The authenticator has verified the user, so this
    /// counts as two factors.
    ///
    /// # Errors
    /// [`SignInError::Passkey`] also if the account is disabled, [`SignInError::EmailNotVerified`], or
    /// [`SignInError::RateLimited`].
    pub async fn login_with_passkey(
        &self,
        token: &SecretString,
        response: &Json,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        // Verified before the attempt is counted: a page that was open for too long is no failure.
        let challenge = self.passkeys.challenge(Purpose::SignIn, None, token);
        let challenge = challenge.ok_or(PasskeyError::InvalidChallenge)?;
        let attempt = match self.throttle.try_passkey(client.address).await? {
            Decision::Allowed(attempt) => attempt,
            Decision::Refused { retry_after, is_new } => {
                if is_new {
                    self.record_failure(AuditAction::LoginThrottled, None, client).await?;
                }
                return Err(SignInError::RateLimited { retry_after });
            }
        };
        let signed_in = match self.passkeys.check(challenge, response, None, client).await {
            Ok(verified) => self.sign_in_with(verified, &attempt, client).await,
            Err(error) => Err(error.into()),
        };
        if let Err(SignInError::Passkey(PasskeyError::Rejected { reason, user })) = &signed_in {
            tracing::info!(%reason, user = user.map(tracing::field::display), "a passkey was rejected");
            self.record_failure(AuditAction::LoginFailed, *user, client).await?;
        }
        signed_in
    }

    async fn sign_in_with(
        &self,
        verified: VerifiedPasskey,
        attempt: &RecordedAttempt,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let rejected = || PasskeyError::Rejected { reason: NO_ACCOUNT, user: Some(verified.user) };
        let account = self.accounts.find(verified.user).await?.ok_or_else(rejected)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let transaction = self.database.begin_short().await?;
        let account = self.accounts.lock(&transaction, verified.user).await?;
        let Some(account) = account.filter(|account| !account.disabled) else {
            transaction.rollback().await?;
            return Err(rejected().into());
        };
        if let Err(error) = self.passkeys.record_use(&transaction, &verified).await {
            transaction.rollback().await?;
            return Err(error.into());
        }
        self.throttle.clear_failures(&transaction, attempt).await?;
        if self.must_verify(&account) {
            transaction.commit().await?;
            return Err(self.ask_to_verify(&account, client).await?);
        }
        let methods = vec![AuthenticationMethod::Passkey];
        let user = Authenticated { account, methods, replacement: None, additions, changes: Vec::new() };
        let signed_in = self.complete_sign_in(transaction, user, client).await;
        if matches!(signed_in, Err(SignInError::RateLimited { .. })) {
            // The transaction was rolled back, but the passkey was accepted.
            self.clear_failures(attempt).await?;
        }
        signed_in
    }
}
