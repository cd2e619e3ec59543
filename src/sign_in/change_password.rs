use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, SignInError};
use crate::{
    accounts::{Account, AccountUpdate},
    audit::Actor,
    client::ClientInfo,
    database::Transaction,
    limits::account_key,
    mail::MessageKind,
    passwords::{PasswordAttempt, PasswordContext},
    sessions::{AuthenticationMethod, SignedIn},
    tokens::Claims,
};

impl SignIn {
    /// Changes the password of an account and revokes its other sessions. The caller's session continues with
    /// new tokens; its previous ones become invalid. An account without a password gets its first one.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the current password is wrong, [`SignInError::RateLimited`],
    /// [`SignInError::Password`], or [`SignInError::Account`] if the caller's token was revoked in the
    /// meantime.
    pub async fn change_password(
        &self,
        caller: &Claims,
        current: Option<&PasswordAttempt>,
        new: &SecretString,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let token = caller.account().ok_or(SignInError::SessionOver)?;
        let session = token.session().ok_or(SignInError::SessionOver)?;
        let account = self.confirm_owner(token.user, current, client).await?;
        let owner = PasswordContext {
            username: &account.username,
            email: account.email.as_deref(),
            display_name: account.display_name.as_deref(),
        };
        let hasher = self.hasher.on_behalf_of(client.address, &account_key(account.id));
        let new = self.policy.validate(new.expose_secret(), &owner, &hasher).await?;
        let password_hash = Some(hasher.hash(&new).await?);
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let actor = Actor::Bearer { client, claims: caller, token: None };
        let notice = Some(MessageKind::PasswordChanged);
        let changes = AccountUpdate { password_hash, notice, ..AccountUpdate::default() };
        let transaction = self.database.begin_short().await?;
        // Detects a change of the password or a revocation that happened while the passwords were verified
        // and hashed.
        self.accounts.lock_actor(&transaction, actor, None).await?;
        let changed = self.accounts.change(&transaction, account.id, changes, actor).await?;
        let mut changes = self.sessions.revoke_all_in(&transaction, account.id, Some(session), actor).await?;
        let token_version = changed.account.token_version;
        let method = match current {
            Some(_) => self.proven_by_password(&transaction, &changed.account).await?,
            None => None,
        };
        let opened = self.sessions.restart_chain(&transaction, session, &changed.account, method).await?;
        let opened = opened.ok_or(SignInError::SessionOver)?;
        changes.extend(changed.change);
        let user = (account.id, token_version);
        self.throttle.remember_address(&transaction, user, client.address).await?;
        let signed_in = self.sessions.issue(changed.account, opened, additions)?;
        self.feed.commit(transaction, &changes).await?;
        self.mail.wake();
        Ok(signed_in)
    }

    /// The method by which the current password renews the login of a session. `None` for an account with a second factor,
    /// whose login only that factor renews.
    async fn proven_by_password(
        &self,
        transaction: &Transaction,
        account: &Account,
    ) -> Result<Option<AuthenticationMethod>, SignInError> {
        let factors = self.second_factors.methods(transaction, account.id).await?;
        Ok(factors.is_empty().then_some(AuthenticationMethod::Password))
    }
}
