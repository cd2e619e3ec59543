use std::time::Duration;

use secrecy::SecretString;

use super::{SignIn, SignInError};
use crate::{
    accounts::{Account, Claim, EmailAddress},
    client::ClientInfo,
    clock::Timestamp,
    id::UserId,
    limits::Decision,
    proofs::{Purpose, Recipient, SentProof},
};

/// A message with a link and a code that anybody can request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailRequest {
    /// It verifies the address.
    Verification,
    /// It sets a new password.
    PasswordReset,
    /// It signs in.
    SignIn,
}

/// What the client that requested a message receives. It is the same for every address.
#[derive(Clone, Debug)]
pub struct EmailChallenge {
    /// What the client sends together with the code of the message.
    pub challenge: SecretString,
    /// The time at which the link and the code expire.
    pub expires_at: Timestamp,
    /// The time until the next message to this address may be requested.
    pub resend_after: Duration,
}

impl SignIn {
    /// Sends a message with a link and a code to an address, if it belongs to an account. The response and its time do
    /// not reveal whether it does: the same rows are written for every address.
    ///
    /// # Errors
    /// [`SignInError::NotOffered`], or [`SignInError::RateLimited`].
    pub async fn request_email(
        &self,
        request: EmailRequest,
        email: &EmailAddress,
        client: &ClientInfo,
    ) -> Result<EmailChallenge, SignInError> {
        self.ensure_offered(request)?;
        let resend_after = self.count_message(email, None, client).await?;
        let claim = match request {
            EmailRequest::Verification => Claim::Newest,
            EmailRequest::PasswordReset | EmailRequest::SignIn => Claim::Oldest,
        };
        let account = self.accounts.find_by_address(email, claim).await?;
        let is_recipient = |account: &Account| match request {
            EmailRequest::Verification => !account.disabled && !account.email_verified,
            EmailRequest::PasswordReset | EmailRequest::SignIn => !account.disabled,
        };
        self.send_proof(request, email, account.filter(is_recipient), resend_after, client).await
    }

    /// Sends a message that verifies the pending or unverified address of an account to this address.
    ///
    /// # Errors
    /// [`SignInError::NothingToVerify`], [`SignInError::NotOffered`], or [`SignInError::RateLimited`].
    pub async fn request_own_verification(
        &self,
        user: UserId,
        client: &ClientInfo,
    ) -> Result<EmailChallenge, SignInError> {
        self.ensure_offered(EmailRequest::Verification)?;
        let account = self.accounts.find(user).await?.ok_or(SignInError::SessionOver)?;
        let address = account.address_to_verify().ok_or(SignInError::NothingToVerify)?;
        let email = EmailAddress::parse(address)?;
        let resend_after = self.count_message(&email, Some(user), client).await?;
        let account = Some((*account).clone());
        self.send_proof(EmailRequest::Verification, &email, account, resend_after, client).await
    }

    /// Counts a message to an address, which this user requests. Returns the time until the next one.
    pub(super) async fn count_message(
        &self,
        email: &EmailAddress,
        user: Option<UserId>,
        client: &ClientInfo,
    ) -> Result<Duration, SignInError> {
        let key = email.key();
        match self.throttle.try_message(&key, client.address, user).await? {
            Decision::Allowed(_) => Ok(self.throttle.message_wait(&key).await?),
            Decision::Refused { retry_after, .. } => Err(SignInError::RateLimited { retry_after }),
        }
    }

    async fn send_proof(
        &self,
        request: EmailRequest,
        email: &EmailAddress,
        account: Option<Account>,
        resend_after: Duration,
        client: &ClientInfo,
    ) -> Result<EmailChallenge, SignInError> {
        let language = client.language.as_deref();
        let address = match (&account, request) {
            // The message goes to the spelling of the account, not to that of the request: another spelling may be
            // another mailbox.
            (Some(account), EmailRequest::Verification) => account.address_to_verify(),
            (Some(account), _) => account.email.as_deref(),
            (None, _) => None,
        };
        let recipient = match (&account, address) {
            (Some(account), Some(address)) => account.recipient(address, language),
            _ => Recipient::nobody(email.as_str(), email.key()),
        };
        let transaction = self.database.begin_short().await?;
        let sent = self.proofs.send(&transaction, request.purpose(), recipient, Some(client)).await?;
        transaction.commit().await?;
        self.mail.wake();
        Ok(EmailChallenge::new(sent, resend_after))
    }

    fn ensure_offered(&self, request: EmailRequest) -> Result<(), SignInError> {
        if !self.mail.is_on() {
            return Err(SignInError::NotOffered("This server sends no e-mail."));
        }
        match request {
            EmailRequest::SignIn => self.ensure_email_sign_in(),
            EmailRequest::Verification | EmailRequest::PasswordReset => Ok(()),
        }
    }
}

impl EmailChallenge {
    pub(super) fn new(sent: SentProof, resend_after: Duration) -> Self {
        let challenge = sent.challenge.unwrap_or_default();
        Self { challenge, expires_at: sent.expires_at, resend_after }
    }
}

impl EmailRequest {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Verification => Purpose::VerifyEmail,
            Self::PasswordReset => Purpose::ResetPassword,
            Self::SignIn => Purpose::SignIn,
        }
    }
}
