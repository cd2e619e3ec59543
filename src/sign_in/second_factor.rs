use secrecy::SecretString;

use super::{SignIn, SignInError, complete::Authenticated};
use crate::{
    audit::Actor,
    client::ClientInfo,
    second_factors::{Factor, FactorError, ProvenFactor},
    sessions::{AuthenticationMethod, SignedIn},
    tokens::Claims,
    trusted_devices::TrustedToken,
};

/// The result of the second step of a sign-in.
pub struct SecondStep {
    /// The session, and its tokens.
    pub signed_in: SignedIn,
    /// New recovery codes. `None` unless the step has added the first factor of the account.
    pub recovery_codes: Option<Vec<SecretString>>,
    /// The token of the device. `None` unless the user trusts it.
    pub device: Option<TrustedToken>,
}

/// Whether a user trusts the device on which they sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustDevice {
    /// The next sign-ins on the device need no second factor.
    Yes,
    /// Each sign-in needs a second factor.
    No,
}

impl SignIn {
    /// Completes a sign-in with a second factor. Only this opens the session of an account that has one, or must have one.
    ///
    /// # Errors
    /// [`SignInError::SecondFactor`] with [`FactorError::UnknownChallenge`], [`FactorError::WrongCode`] or
    /// [`FactorError::RateLimited`], or [`SignInError::RateLimited`].
    pub async fn verify_second_factor(
        &self,
        challenge: &SecretString,
        factor: &Factor,
        trust_device: TrustDevice,
        client: &ClientInfo,
    ) -> Result<SecondStep, SignInError> {
        let challenge = self.second_factors.find_challenge(challenge, client).await?;
        let user = challenge.user;
        let account = self.accounts.find(user).await?.ok_or(FactorError::UnknownChallenge)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;
        let attempt = self.second_factors.count_attempt(user).await?;

        let transaction = self.database.begin_short().await?;
        let account = self.accounts.lock(&transaction, user).await?;
        // A change of the password or a revocation since the first factor voids the challenge.
        let is_same = |version| version == challenge.token_version;
        let account = account.filter(|account| !account.disabled && is_same(account.token_version));
        let account = account.ok_or(FactorError::UnknownChallenge)?;
        self.second_factors.count_challenge_attempt(&transaction, &challenge).await?;
        let actor = Actor::Client { client, user: Some(user) };
        let proven = self.second_factors.prove(&transaction, &account, &challenge, factor, actor).await?;
        let Some(ProvenFactor { method, recovery_codes, changes }) = proven else {
            transaction.commit().await?;
            return Err(FactorError::WrongCode.into());
        };
        self.second_factors.end_challenge(&transaction, &challenge).await?;
        self.throttle.clear_failures(&transaction, &attempt).await?;
        // Whoever signs in with a recovery code has lost the factor, so the device has yet to prove one.
        let device = if trust_device == TrustDevice::Yes && method != AuthenticationMethod::RecoveryCode {
            self.sessions.trusted_devices.trust(&transaction, &account, client).await?
        } else {
            None
        };
        let methods = vec![challenge.method, method];
        let user = Authenticated { account, methods, replacement: None, additions, changes };
        let signed_in = self.complete_sign_in(transaction, user, client).await?;
        Ok(SecondStep { signed_in, recovery_codes, device })
    }

    /// The ways in which the user of a session can authenticate again, the strongest first. A password alone does not
    /// suffice for an account with a second factor.
    ///
    /// # Errors
    /// [`SignInError::SessionOver`], or if a database query fails.
    pub async fn reauthentication_methods(
        &self,
        caller: &Claims,
    ) -> Result<Vec<AuthenticationMethod>, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let methods = self.second_factors.methods_of(token.user).await?;
        Ok(if methods.is_empty() { vec![AuthenticationMethod::Password] } else { methods })
    }
}
