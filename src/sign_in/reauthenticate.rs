use super::{SignIn, SignInError};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    passwords::PasswordAttempt,
    sessions::{AuthenticationMethod, SignedIn},
    tokens::Claims,
};

impl SignIn {
    /// Authenticates the user of a session again (step-up authentication, RFC 9470). The session continues with new tokens,
    /// whose `auth_time`, `acr` and `amr` are those of this proof alone. Its previous refresh token becomes invalid.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the password is wrong, [`SignInError::RateLimited`], or
    /// [`SignInError::Account`] if the caller's token was revoked in the meantime.
    pub async fn reauthenticate(
        &self,
        caller: &Claims,
        password: &PasswordAttempt,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let confirmed = self.confirm_password(token.user, password, client).await?;
        let additions = self.accounts.hooks().token_additions(&confirmed.token_owner()).await?;

        let actor = Actor::Bearer { client, claims: caller, token: None };
        let transaction = self.database.begin_short().await?;
        // Detects a change of the password or a revocation that happened while the password was verified.
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        let account = locked.actor.ok_or(SignInError::SessionOver)?;
        let (version, method) = (account.token_version, AuthenticationMethod::Password);
        let opened = self.sessions.restart_chain(&transaction, token.session, version, method).await?;
        let opened = opened.ok_or(SignInError::SessionOver)?;
        let (user, session) = (Some(account.id), Some(token.session));
        let new_event = NewEvent { action: AuditAction::Reauthenticated, user, session, actor };
        self.audit.record(&transaction, new_event).await?;
        let signed_in = self.sessions.issue(account, opened, additions)?;
        self.feed.commit(transaction, &[]).await?;
        Ok(signed_in)
    }
}
