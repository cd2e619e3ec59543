use super::{SignIn, SignInError};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    changes::Change,
    client::ClientInfo,
    database::Transaction,
    hooks::TokenAdditions,
    limits::Decision,
    sessions::{AuthenticationMethod, SignedIn},
};

impl SignIn {
    /// Completes the sign-in of a user who was authenticated by this method: opens a session, records it in the audit log, issues
    /// the tokens, and commits. Every way to sign in ends here.
    pub(super) async fn complete_sign_in(
        &self,
        transaction: Transaction,
        account: Account,
        method: AuthenticationMethod,
        additions: TokenAdditions,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        self.complete_sign_in_after(transaction, Vec::new(), account, method, additions, client).await
    }

    /// Completes a sign-in as [`Self::complete_sign_in`] does, in a transaction that has made other changes, which are
    /// published with the commit.
    pub(super) async fn complete_sign_in_after(
        &self,
        transaction: Transaction,
        mut changes: Vec<Change>,
        account: Account,
        method: AuthenticationMethod,
        additions: TokenAdditions,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        if let Decision::Refused { retry_after, .. } =
            self.throttle.count_login(&transaction, account.id).await?
        {
            transaction.rollback().await?;
            return Err(SignInError::RateLimited { retry_after });
        }
        self.notify_of_new_device(&transaction, &account, client).await?;
        let (opened, ended) = self.sessions.open(&transaction, &account, method, client).await?;
        changes.extend(ended);
        let new_event = NewEvent {
            action: AuditAction::LoginSucceeded,
            user: Some(account.id),
            session: Some(opened.session.id),
            actor: Actor::Client { client, user: Some(account.id) },
        };
        let event = self.audit.record(&transaction, new_event).await?;
        if account.deletion_at.is_some() {
            let action = AuditAction::UserDeletionCancelled;
            self.audit.record(&transaction, NewEvent { action, ..new_event }).await?;
        }
        self.throttle
            .remember_address(&transaction, (account.id, account.token_version), client.address)
            .await?;
        let id = account.id;
        let account = Account { last_login_at: Some(event.at), deletion_at: None, ..account };
        // Issued before the commit, so that a failure to sign rolls everything back.
        let signed_in = self.sessions.issue(account, opened, additions)?;
        self.feed.commit(transaction, &changes).await?;
        self.accounts.invalidate(id);
        self.mail.wake();
        Ok(signed_in)
    }
}
