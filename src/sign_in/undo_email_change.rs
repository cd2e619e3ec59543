use secrecy::SecretString;

use super::{EmailProof, SignIn, SignInError};
use crate::{
    accounts::{Account, AccountUpdate},
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    proofs::Purpose,
};

impl SignIn {
    /// Restores the address that an account had before, and ends all its sessions.
    ///
    /// # Errors
    /// [`SignInError::Proof`], or [`SignInError::Account`] if another account has verified the address meanwhile.
    pub async fn undo_email_change(
        &self,
        token: SecretString,
        client: &ClientInfo,
    ) -> Result<Account, SignInError> {
        let proof = self.check_proof(Purpose::UndoEmailChange, &EmailProof::Token(token)).await?;
        let (transaction, account) = self.begin_with(&proof).await?;
        self.proofs.void_later_undos(&transaction, &proof).await?;
        let actor = Actor::Client { client, user: Some(account.id) };
        let update = AccountUpdate {
            proven_email: Some(proof.email),
            undoes_email_change: true,
            ..AccountUpdate::default()
        };
        let changed = self.accounts.change(&transaction, account.id, update, actor).await?;
        let new_event =
            NewEvent { action: AuditAction::EmailChangeUndone, user: Some(account.id), session: None, actor };
        self.audit.record(&transaction, new_event).await?;
        let mut changes = self.sessions.revoke_all_in(&transaction, account.id, None, actor).await?;
        changes.extend(changed.change);
        self.feed.commit(transaction, &changes).await?;
        Ok(changed.account)
    }
}
