use super::{SignIn, SignInError};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    database::Transaction,
    id::SessionId,
    limits::RecordedAttempt,
    passwords::PasswordAttempt,
    second_factors::{Factor, FactorError},
    sessions::{AuthenticationMethod, SignedIn},
    tokens::Claims,
};

/// A proof that somebody is the user of a session.
pub enum Reauthentication {
    /// The password, if the account has no second factor.
    Password(PasswordAttempt),
    /// A second factor.
    Factor(Factor),
}

impl SignIn {
    /// Authenticates the user of a session again (step-up authentication, RFC 9470). The session continues with new tokens,
    /// whose `auth_time` is now, and whose `acr` and `amr` have the proven method beside the earlier ones. Its previous
    /// refresh token becomes invalid.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the password is wrong, [`SignInError::SecondFactor`] if the factor is,
    /// [`SignInError::StrongerProofRequired`] for the password of an account with a second factor,
    /// [`SignInError::RateLimited`], or [`SignInError::Account`] if the caller's token was revoked in the meantime.
    pub async fn reauthenticate(
        &self,
        caller: &Claims,
        proof: &Reauthentication,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let session = token.session().ok_or(SignInError::SessionOver)?;
        let actor = Actor::Bearer { client, claims: caller, token: None };
        let attempt = match proof {
            Reauthentication::Password(password) => {
                self.confirm_password(token.user, password, client).await?;
                None
            }
            Reauthentication::Factor(_) => Some(self.second_factors.count_attempt(token.user).await?),
        };
        let account = self.accounts.find(token.user).await?.ok_or(SignInError::SessionOver)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let transaction = self.database.begin_short().await?;
        // Detects a change of the password or a revocation that happened while the password was verified.
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        let account = locked.actor.ok_or(SignInError::SessionOver)?;
        let Some(method) = self.check_again(&transaction, &account, proof, actor).await? else {
            transaction.commit().await?;
            return Err(FactorError::WrongCode.into());
        };
        self.clear(&transaction, attempt.as_ref()).await?;
        self.record_reauthentication(&transaction, &account, session, actor).await?;
        let opened = self.sessions.restart_chain(&transaction, session, &account, Some(method)).await?;
        let signed_in = self.sessions.issue(account, opened.ok_or(SignInError::SessionOver)?, additions)?;
        self.feed.commit(transaction, &[]).await?;
        self.mail.wake();
        Ok(signed_in)
    }

    /// Checks a factor, or whether a password that was verified suffices. `None` if the factor is wrong.
    async fn check_again(
        &self,
        transaction: &Transaction,
        account: &Account,
        proof: &Reauthentication,
        actor: Actor<'_>,
    ) -> Result<Option<AuthenticationMethod>, SignInError> {
        match proof {
            Reauthentication::Factor(factor) => {
                Ok(self.second_factors.check(transaction, account, factor, actor).await?)
            }
            Reauthentication::Password(_) => {
                let stronger = self.second_factors.methods(transaction, account.id).await?;
                if stronger.is_empty() {
                    Ok(Some(AuthenticationMethod::Password))
                } else {
                    Err(SignInError::StrongerProofRequired)
                }
            }
        }
    }

    async fn clear(
        &self,
        transaction: &Transaction,
        attempt: Option<&RecordedAttempt>,
    ) -> Result<(), SignInError> {
        if let Some(attempt) = attempt {
            self.throttle.clear_failures(transaction, attempt).await?;
        }
        Ok(())
    }

    async fn record_reauthentication(
        &self,
        transaction: &Transaction,
        account: &Account,
        session: SessionId,
        actor: Actor<'_>,
    ) -> Result<(), SignInError> {
        let (user, session) = (Some(account.id), Some(session));
        let new_event = NewEvent { action: AuditAction::Reauthenticated, user, session, actor };
        self.audit.record(transaction, new_event).await?;
        Ok(())
    }
}
