use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;

use super::{EmailChallenge, SignIn, SignInError, complete::Authenticated};
use crate::{
    accounts::{Account, AccountError, Claim, DisplayName, EmailAddress, NewAccount, Username},
    audit::Actor,
    client::ClientInfo,
    hooks::{Applicant, TokenOwner},
    limits::Decision,
    passkeys::{NewPasskey, PasskeyName},
    passwords::PasswordContext,
    proofs::{Purpose, Recipient},
    sessions::{AuthenticationMethod, SignedIn},
};

/// A registration form.
pub struct Registration {
    /// The username.
    pub username: Username,
    /// The credential to sign in with.
    pub credential: FirstCredential,
    /// The e-mail address, which is unverified.
    pub email: Option<EmailAddress>,
    /// The display name.
    pub display_name: Option<DisplayName>,
}

/// The first credential of an account.
pub enum FirstCredential {
    /// A password.
    Password(SecretString),
    /// A passkey.
    Passkey {
        /// The challenge of [`Passkeys::start_sign_up`](crate::passkeys::Passkeys::start_sign_up).
        challenge: SecretString,
        /// The response of the authenticator, as JSON.
        response: Json,
        /// The name of the passkey.
        name: Option<PasskeyName>,
    },
}

/// A first credential that was verified.
struct AcceptedCredential {
    /// The hash of the password. Empty without a password.
    password_hash: String,
    /// The passkey. `None` for a password.
    passkey: Option<NewPasskey>,
    method: AuthenticationMethod,
}

/// The result of a registration.
pub enum Registered {
    /// The account exists, and its user is signed in.
    SignedIn {
        /// The session, and its tokens.
        signed_in: Box<SignedIn>,
        /// New recovery codes. `None` for an account with a password.
        recovery_codes: Option<Vec<SecretString>>,
    },
    /// The user must verify the address before they can sign in. The result is the same if another account has verified
    /// the address.
    MustVerify {
        /// The challenge that the client sends together with the code of the message.
        challenge: EmailChallenge,
        /// New recovery codes. `None` for an account with a password.
        recovery_codes: Option<Vec<SecretString>>,
    },
}

impl SignIn {
    /// Creates an account for the client and signs it in, unless the address must be verified before.
    ///
    /// # Errors
    /// [`SignInError::RegistrationClosed`], [`SignInError::RateLimited`], [`SignInError::Refused`],
    /// [`SignInError::Password`], [`SignInError::Passkey`], or [`SignInError::Account`] if the username is taken or an
    /// address is required.
    pub async fn register(&self, form: Registration, client: &ClientInfo) -> Result<Registered, SignInError> {
        self.admit(&form, client).await?;
        let must_verify = self.config.accounts.verify_before_sign_in;
        let AcceptedCredential { password_hash, passkey, method } = self.accept(&form, client).await?;
        let email = form.email.clone();
        let may_send = self.may_send(email.as_ref(), client).await?;
        let owner_of_address = self.owner_of(email.as_ref()).await?;
        let id = passkey.as_ref().map_or_else(|| self.accounts.generate_id(), NewPasskey::user);
        let username = if must_verify {
            self.accounts.unverified_username(id, form.username, email.as_ref())?
        } else {
            form.username
        };
        let new = NewAccount {
            id,
            password_hash,
            username,
            email: form.email,
            display_name: form.display_name,
            roles: self.config.accounts.default_roles.clone(),
            locale: None,
        };

        let owner = TokenOwner { user: new.id, username: new.username.as_str(), roles: &new.roles };
        let additions = self.accounts.hooks().token_additions(&owner).await?;
        let transaction = self.database.begin_short().await?;
        if let Some(passkey) = &passkey {
            self.passkeys.use_challenge(&transaction, passkey).await?;
        }
        let account = self.accounts.create(&transaction, new, Actor::anonymous(client)).await?;
        let recovery_codes = match passkey {
            Some(passkey) => {
                self.passkeys.add(&transaction, passkey, Actor::anonymous(client)).await?;
                Some(self.second_factors.replace_recovery_codes(&transaction, account.id).await?)
            }
            None => None,
        };
        let sent = match &email {
            Some(email) if may_send => {
                let owner = owner_of_address.as_ref().map(Account::as_address_owner);
                let recipient =
                    Recipient { owner, ..account.recipient(email.as_str(), client.language.as_deref()) };
                Some(self.proofs.send(&transaction, Purpose::VerifyEmail, recipient, Some(client)).await?)
            }
            _ => None,
        };
        if let Some(sent) = sent.filter(|_| must_verify) {
            transaction.commit().await?;
            self.mail.wake();
            let challenge = EmailChallenge::new(sent, Duration::ZERO);
            return Ok(Registered::MustVerify { challenge, recovery_codes });
        }
        let (methods, changes) = (vec![method], Vec::new());
        let user = Authenticated { account, methods, replacement: None, additions, changes };
        let signed_in = self.complete_sign_in(transaction, user, client).await?;
        Ok(Registered::SignedIn { signed_in: Box::new(signed_in), recovery_codes })
    }

    /// Checks that anybody may register.
    ///
    /// # Errors
    /// [`SignInError::RegistrationClosed`].
    pub fn ensure_registration_open(&self) -> Result<(), SignInError> {
        if self.config.accounts.registration_open { Ok(()) } else { Err(SignInError::RegistrationClosed) }
    }

    /// Decides whether the client may register at all, before its credential is checked.
    async fn admit(&self, form: &Registration, client: &ClientInfo) -> Result<(), SignInError> {
        self.ensure_registration_open()?;
        if self.config.accounts.verify_before_sign_in && form.email.is_none() {
            return Err(AccountError::EmailRequired.into());
        }
        if let Decision::Refused { retry_after, .. } = self.throttle.try_registration(client.address).await? {
            return Err(SignInError::RateLimited { retry_after });
        }
        let applicant = Applicant {
            username: form.username.as_str(),
            email: form.email.as_ref().map(EmailAddress::as_str),
            display_name: form.display_name.as_ref().map(DisplayName::as_str),
            address: client.address,
        };
        self.accounts.hooks().before_registration(&applicant).await?.map_err(SignInError::Refused)
    }

    /// Verifies the passkey of a form, or checks its password against the policy and hashes it.
    async fn accept(
        &self,
        form: &Registration,
        client: &ClientInfo,
    ) -> Result<AcceptedCredential, SignInError> {
        let password = match &form.credential {
            FirstCredential::Password(password) => password,
            FirstCredential::Passkey { challenge, response, name } => {
                let passkey = self.passkeys.verify_sign_up(challenge, response, name.clone())?;
                let (password_hash, method) = (String::new(), AuthenticationMethod::Passkey);
                return Ok(AcceptedCredential { password_hash, passkey: Some(passkey), method });
            }
        };
        let owner = PasswordContext {
            username: form.username.as_str(),
            email: form.email.as_ref().map(EmailAddress::as_str),
            display_name: form.display_name.as_ref().map(DisplayName::as_str),
        };
        let hasher = self.hasher.on_behalf_of(client.address, form.username.key());
        let password = self.policy.validate(password.expose_secret(), &owner, &hasher).await?;
        let password_hash = hasher.hash(&password).await?;
        Ok(AcceptedCredential { password_hash, passkey: None, method: AuthenticationMethod::Password })
    }

    /// Whether a registration may send a message to its address. A registration that needs none succeeds without it.
    async fn may_send(&self, email: Option<&EmailAddress>, client: &ClientInfo) -> Result<bool, SignInError> {
        let Some(email) = email.filter(|_| self.mail.is_on()) else { return Ok(false) };
        match self.count_message(email, None, client).await {
            Ok(_) => Ok(true),
            Err(SignInError::RateLimited { .. }) if !self.config.accounts.verify_before_sign_in => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The account that has verified the address, if the registration must not reveal that there is one. Its owner then
    /// receives a message that says so, in place of the one that verifies the address.
    async fn owner_of(&self, email: Option<&EmailAddress>) -> Result<Option<Account>, SignInError> {
        let Some(email) = email.filter(|_| self.config.accounts.verify_before_sign_in) else {
            return Ok(None);
        };
        let owner = self.accounts.find_by_address(email, Claim::Oldest).await?;
        Ok(owner.filter(|owner| owner.email_verified))
    }
}
