use sea_orm::DatabaseTransaction;

use super::{SignIn, SignInError};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    limits::Decision,
    sessions::SignedIn,
};

impl SignIn {
    /// Lets somebody in who has shown who they are: opens a session, writes it down, makes the tokens, and
    /// commits. Every way in ends here.
    pub(super) async fn complete_sign_in(
        &self,
        transaction: DatabaseTransaction,
        account: Account,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        if let Decision::Refused { retry_after, .. } =
            self.throttle.count_login(&transaction, account.id).await?
        {
            transaction.rollback().await?;
            return Err(SignInError::RateLimited { retry_after });
        }
        let (opened, changes) = self.sessions.open(&transaction, account.id, client).await?;
        let new_event = NewEvent {
            action: AuditAction::LoginSucceeded,
            user: Some(account.id),
            session: Some(opened.session.id),
            actor: Actor::Client { client, user: Some(account.id) },
        };
        let event = self.audit.record(&transaction, new_event).await?;
        self.throttle
            .remember_address(&transaction, (account.id, account.token_version), client.address)
            .await?;
        let id = account.id;
        let account = Account { last_login_at: Some(event.at), ..account };
        // Before the commit: where no token can be signed, nothing is left behind.
        let signed_in = self.sessions.issue(account, opened)?;
        self.feed.commit(transaction, &changes).await?;
        self.accounts.invalidate(id);
        Ok(signed_in)
    }
}
