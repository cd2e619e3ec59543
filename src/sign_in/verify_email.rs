use super::{EmailProof, SignIn, SignInError};
use crate::{
    accounts::{Account, AccountUpdate},
    audit::Actor,
    client::ClientInfo,
    proofs::{InvalidProof, Purpose},
};

impl SignIn {
    /// Verifies an address of an account. A pending address becomes the address of the account.
    ///
    /// # Errors
    /// [`SignInError::Proof`], or [`SignInError::Account`] if another account has verified the address.
    pub async fn verify_email(
        &self,
        proof: &EmailProof,
        client: &ClientInfo,
    ) -> Result<Account, SignInError> {
        let proof = self.check_proof(Purpose::VerifyEmail, proof).await?;
        let (transaction, account) = self.begin_with(&proof).await?;
        if account.address_to_verify() != Some(&proof.email) {
            transaction.rollback().await?;
            return Err(InvalidProof::Unknown.into());
        }
        let actor = Actor::Client { client, user: Some(account.id) };
        let changes = AccountUpdate { proven_email: Some(proof.email), ..AccountUpdate::default() };
        let changed = self.accounts.change(&transaction, account.id, changes, actor).await?;
        self.feed.commit(transaction, changed.change.as_slice()).await?;
        self.mail.wake();
        Ok(changed.account)
    }
}
