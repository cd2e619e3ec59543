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

/// An authenticated user, whose sign-in can be completed.
pub(super) struct Authenticated {
    /// The account, whose row the transaction of the sign-in has locked.
    pub(super) account: Account,
    /// The way in which the user was authenticated.
    pub(super) method: AuthenticationMethod,
    /// The additions of the application to the tokens.
    pub(super) additions: TokenAdditions,
    /// The changes that the transaction has made, which are published with its commit.
    pub(super) changes: Vec<Change>,
}

impl Authenticated {
    /// A user who was authenticated by the password, in a transaction without other changes.
    pub(super) fn by_password(account: Account, additions: TokenAdditions) -> Self {
        Self { account, method: AuthenticationMethod::Password, additions, changes: Vec::new() }
    }
}

impl SignIn {
    /// Completes the sign-in of an authenticated user: opens a session, records it in the audit log, issues the tokens, and
    /// commits. Every way to sign in ends here.
    pub(super) async fn complete_sign_in(
        &self,
        transaction: Transaction,
        user: Authenticated,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let Authenticated { account, method, additions, mut changes } = user;
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
