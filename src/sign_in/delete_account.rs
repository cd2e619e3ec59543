use super::{SignIn, SignInError};
use crate::{
    audit::Actor, client::ClientInfo, mail::MessageKind, passwords::PasswordAttempt, tokens::Claims,
};

impl SignIn {
    /// Deletes the account of the caller and all its sessions. With `accounts.delete_after`, the sessions end at once, and
    /// the account is deleted after that time unless its user signs in before. A notice says so. An account without a
    /// password is deleted without one.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] if the password is wrong, [`SignInError::RateLimited`], or
    /// [`SignInError::Account`] if it is the last administrator's or the caller's token was revoked in the
    /// meantime.
    pub async fn delete_account(
        &self,
        caller: &Claims,
        password: Option<&PasswordAttempt>,
        client: &ClientInfo,
    ) -> Result<(), SignInError> {
        let user = caller.account().ok_or(SignInError::SessionOver)?.user;
        self.confirm_owner(user, password, client).await?;
        let actor = Actor::Bearer { client, claims: caller, token: None };
        let transaction = self.database.begin().await?;
        // Detects a change of the password or a revocation that happened while the password was verified.
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        if self.config.accounts.delete_after.is_zero() {
            let change = self.accounts.delete(&transaction, user, actor).await?;
            return Ok(self.feed.commit(transaction, &[change]).await?);
        }
        let change = self.accounts.schedule_deletion(&transaction, user, actor).await?;
        let mut changes = self.sessions.revoke_all_in(&transaction, user, None, actor).await?;
        changes.push(change);
        let kind = MessageKind::DeletionScheduled.name();
        if let Some(account) = locked.actor
            && self.throttle.count_notice(&transaction, user, kind).await?
        {
            self.accounts.announce_deletion(&transaction, &account, actor).await?;
        }
        self.feed.commit(transaction, &changes).await?;
        self.mail.wake();
        Ok(())
    }
}
