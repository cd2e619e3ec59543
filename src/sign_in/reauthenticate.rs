use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{FactorProof, SignIn, SignInError};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    clock::Timestamp,
    passkeys::{self, Challenge},
    passwords::PasswordAttempt,
    second_factors::{Factor, FactorError},
    sessions::{AuthenticationMethod, SignedIn},
    tokens::Claims,
};

/// A proof that somebody is the user of a session.
pub enum Reauthentication {
    /// The password, if the account has no second factor.
    Password(PasswordAttempt),
    /// A second factor, or a code by e-mail for an account that has neither a factor nor a password.
    Factor(FactorProof),
}

/// The ways in which the user of a session can authenticate again.
pub struct StartedReauthentication {
    /// The ways, the strongest first.
    pub methods: Vec<AuthenticationMethod>,
    /// The text that the client sends with a passkey, or with the code that was sent by e-mail. `None` if neither is one
    /// of the ways.
    pub challenge: Option<SecretString>,
    /// The time at which the challenge expires.
    pub expires_at: Option<Timestamp>,
    /// The options for the browser, if a passkey is one of the ways.
    pub passkey_options: Option<Json>,
}

impl SignIn {
    /// Starts to authenticate the user of a session again. Sends a code by e-mail if there is no other way.
    ///
    /// # Errors
    /// [`SignInError::SessionOver`], or [`SignInError::RateLimited`] for messages.
    pub async fn start_reauthentication(
        &self,
        caller: &Claims,
        client: &ClientInfo,
    ) -> Result<StartedReauthentication, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let account = self.accounts.find(token.user).await?.ok_or(SignInError::SessionOver)?;
        let methods = self.reauthentication_methods(self.database.reader(), &account).await?;
        let mut started =
            StartedReauthentication { methods, challenge: None, expires_at: None, passkey_options: None };
        if started.methods.contains(&AuthenticationMethod::Passkey) {
            if let Some(ceremony) = self.passkeys.start_verification(account.id).await? {
                started.challenge = Some(ceremony.token);
                started.expires_at = Some(ceremony.expires_at);
                started.passkey_options = Some(ceremony.options);
            }
        } else if started.methods == [AuthenticationMethod::EmailCode] {
            let sent = self.send_factor_code(&account, client).await?;
            started.challenge = Some(sent.challenge);
            started.expires_at = Some(sent.expires_at);
        }
        Ok(started)
    }

    /// Authenticates the user of a session again (step-up authentication, RFC 9470). The session continues with new tokens,
    /// whose `auth_time` is now, and whose `acr` and `amr` have the proven method beside the earlier ones. Its previous
    /// refresh token becomes invalid.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the password is wrong, [`SignInError::SecondFactor`],
    /// [`SignInError::Passkey`] or [`SignInError::Proof`] if the factor is, [`SignInError::StrongerProofRequired`] for
    /// the password of an account with a second factor, [`SignInError::RateLimited`], or [`SignInError::Account`] if the
    /// caller's token was revoked in the meantime.
    pub async fn reauthenticate(
        &self,
        caller: &Claims,
        proof: &Reauthentication,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let session = token.session().ok_or(SignInError::SessionOver)?;
        let actor = Actor::Bearer { client, claims: caller, token: None };
        let (attempt, factor) = match proof {
            Reauthentication::Password(password) => {
                self.confirm_password(token.user, password, client).await?;
                (None, None)
            }
            Reauthentication::Factor(proof) => {
                let attempt = self.second_factors.count_attempt(token.user).await?;
                let challenge = self.verification_challenge(caller, proof);
                (Some(attempt), Some(self.verify_factor(token.user, proof, challenge, client, actor).await?))
            }
        };
        let account = self.accounts.find(token.user).await?.ok_or(SignInError::SessionOver)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let transaction = self.database.begin_short().await?;
        // Detects a change of the password or a revocation that happened while the password was verified.
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        let account = locked.actor.ok_or(SignInError::SessionOver)?;
        let method = factor.as_ref().map_or(AuthenticationMethod::Password, Factor::method);
        if matches!(factor, None | Some(Factor::EmailCode(_)))
            && !self.reauthentication_methods(&transaction, &account).await?.contains(&method)
        {
            return Err(SignInError::StrongerProofRequired);
        }
        if let Some(factor) = &factor
            && !self.second_factors.check(&transaction, &account, factor, actor).await?
        {
            transaction.commit().await?;
            return Err(FactorError::WrongCode.into());
        }
        if let Some(attempt) = &attempt {
            self.throttle.clear_failures(&transaction, attempt).await?;
        }
        let (user, own) = (Some(account.id), Some(session));
        let new_event = NewEvent { action: AuditAction::Reauthenticated, user, session: own, actor };
        self.audit.record(&transaction, new_event).await?;
        let opened = self.sessions.restart_chain(&transaction, session, &account, Some(method)).await?;
        let signed_in = self.sessions.issue(account, opened.ok_or(SignInError::SessionOver)?, additions)?;
        self.feed.commit(transaction, &[]).await?;
        self.mail.wake();
        Ok(signed_in)
    }

    /// The ways in which the user of a session can authenticate again. A password alone does not suffice for an account
    /// with a second factor, and a code by e-mail is for accounts without a password.
    async fn reauthentication_methods(
        &self,
        db: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<Vec<AuthenticationMethod>, SignInError> {
        let methods = self.second_factors.methods(db, account.id).await?;
        if !methods.is_empty() {
            return Ok(methods);
        }
        let has_password = self.accounts.has_password(db, account.id).await?;
        let has_mailbox = account.email_verified && self.mail.is_on();
        let is_by_mail = !has_password && has_mailbox;
        Ok(vec![if is_by_mail { AuthenticationMethod::EmailCode } else { AuthenticationMethod::Password }])
    }

    /// The challenge that a passkey must have signed to authenticate the caller again.
    fn verification_challenge(&self, caller: &Claims, proof: &FactorProof) -> Option<Challenge> {
        let FactorProof::Passkey { challenge, .. } = proof else { return None };
        let user = caller.account()?.user;
        self.passkeys.challenge(passkeys::Purpose::Verification, Some(user), challenge)
    }
}
