use secrecy::SecretString;

use super::{EmailChallenge, FactorProof, SignIn, SignInError, complete::Authenticated};
use crate::{
    accounts::{Account, EmailAddress},
    audit::Actor,
    client::ClientInfo,
    proofs::Purpose,
    second_factors::{Challenge, Factor, FactorError, ProvenFactor},
    sessions::{AuthenticationMethod, SignedIn},
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
    /// [`FactorError::RateLimited`], those of [`SignIn::verify_factor`], or [`SignInError::RateLimited`].
    pub async fn verify_second_factor(
        &self,
        token: &SecretString,
        proof: &FactorProof,
        trust_device: TrustDevice,
        client: &ClientInfo,
    ) -> Result<SecondStep, SignInError> {
        let challenge = self.second_factors.find_challenge(token, client).await?;
        let user = challenge.user;
        let account = self.accounts.find(user).await?.ok_or(FactorError::UnknownChallenge)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;
        let attempt = self.second_factors.count_attempt(user).await?;
        self.second_factors.count_challenge_attempt(&challenge).await?;
        let of_passkey = challenge.of_passkey(token.clone());
        let actor = Actor::Client { client, user: Some(user) };
        let factor = self.verify_factor(user, proof, Some(of_passkey), client, actor).await?;

        let transaction = self.database.begin_short().await?;
        let account = self.accounts.lock(&transaction, user).await?;
        let account = account.filter(|account| is_current(&challenge, account));
        let account = account.ok_or(FactorError::UnknownChallenge)?;
        let proven = self.second_factors.prove(&transaction, &account, &challenge, &factor, actor).await?;
        let Some(ProvenFactor { recovery_codes, changes }) = proven else {
            transaction.commit().await?;
            return Err(FactorError::WrongCode.into());
        };
        self.second_factors.use_challenge(&transaction, &challenge).await?;
        self.throttle.clear_failures(&transaction, &attempt).await?;
        // Whoever signs in with a recovery code or a message has not proven a factor that they still have.
        let has_proven = matches!(factor, Factor::Totp(_) | Factor::Passkey(_));
        let device = if trust_device == TrustDevice::Yes && has_proven {
            self.sessions.trusted_devices.trust(&transaction, &account, client).await?
        } else {
            None
        };
        let methods = vec![challenge.method, factor.method()];
        let user = Authenticated { account, methods, replacement: None, additions, changes };
        let signed_in = self.complete_sign_in(transaction, user, client).await?;
        Ok(SecondStep { signed_in, recovery_codes, device })
    }

    /// Sends a code to the address of an account whose sign-in waits for a second factor.
    ///
    /// # Errors
    /// [`SignInError::NotOffered`] unless a code by e-mail is one of the ways to complete this sign-in,
    /// [`SignInError::SecondFactor`] with [`FactorError::UnknownChallenge`], or [`SignInError::RateLimited`].
    pub async fn request_second_factor_email(
        &self,
        token: &SecretString,
        client: &ClientInfo,
    ) -> Result<EmailChallenge, SignInError> {
        let challenge = self.second_factors.find_challenge(token, client).await?;
        let account = self.accounts.find(challenge.user).await?;
        let account = account.filter(|account| is_current(&challenge, account));
        let account = account.ok_or(FactorError::UnknownChallenge)?;
        let reader = self.database.reader();
        let missing = self.second_factors.missing(reader, &account, &[challenge.method]).await?;
        if !missing.contains(&AuthenticationMethod::EmailCode) {
            return Err(SignInError::NotOffered("This sign-in cannot be completed with a code by e-mail."));
        }
        self.send_factor_code(&account, client).await
    }

    /// Sends a code to the verified address of an account.
    pub(super) async fn send_factor_code(
        &self,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<EmailChallenge, SignInError> {
        let address = account.email.as_deref().ok_or(SignInError::NothingToVerify)?;
        let email = EmailAddress::parse(address)?;
        let resend_after = self.count_message(&email, Some(account.id), client).await?;
        let recipient = account.recipient(address, client.language.as_deref());
        let transaction = self.database.begin_short().await?;
        let sent = self.proofs.send(&transaction, Purpose::SecondFactor, recipient, Some(client)).await?;
        transaction.commit().await?;
        self.mail.wake();
        Ok(EmailChallenge::new(sent, resend_after))
    }
}

/// Whether nothing has voided a challenge since the first factor was proven. A change of the password, the roles or the state of the account does.
fn is_current(challenge: &Challenge, account: &Account) -> bool {
    !account.disabled && account.token_version == challenge.token_version
}
