use secrecy::SecretString;

use super::{EmailProof, SignIn, SignInError, complete::Authenticated};
use crate::{
    accounts::AccountUpdate,
    audit::Actor,
    client::ClientInfo,
    proofs::{InvalidProof, Purpose},
    sessions::SignedIn,
};

impl SignIn {
    /// Signs in the owner of an address, who has proven it with a link or a code. If nobody had proven the address before,
    /// the account may have been created by somebody else: its sessions end, and its password, its second factors
    /// and its links are void. `device` is the token of a trusted device, in place of a second factor.
    ///
    /// # Errors
    /// [`SignInError::Proof`], or [`SignInError::RateLimited`].
    pub async fn login_with_email(
        &self,
        proof: &EmailProof,
        device: Option<&SecretString>,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        self.ensure_email_sign_in()?;
        let method = proof.method();
        let proof = self.check_proof(Purpose::SignIn, proof).await?;
        let account = self.accounts.find(proof.user).await?.ok_or(InvalidProof::Unknown)?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let (transaction, mut account) = self.begin_with(&proof).await?;
        if account.email.as_deref() != Some(&proof.email) {
            transaction.rollback().await?;
            return Err(InvalidProof::Unknown.into());
        }
        let mut changes = Vec::new();
        if !account.email_verified {
            let actor = Actor::Client { client, user: Some(account.id) };
            let update = AccountUpdate {
                password_hash: Some(String::new()),
                proven_email: Some(proof.email),
                ..AccountUpdate::default()
            };
            let changed = self.accounts.change(&transaction, account.id, update, actor).await?;
            changes = self.sessions.revoke_all_in(&transaction, account.id, None, actor).await?;
            self.second_factors.reset(&transaction, &account, actor).await?;
            changes.extend(changed.change);
            account = changed.account;
        }
        let user = Authenticated { account, methods: vec![method], replacement: None, additions, changes };
        self.complete_on_device(transaction, user, device, client).await
    }

    pub(super) fn ensure_email_sign_in(&self) -> Result<(), SignInError> {
        if self.config.accounts.email_sign_in {
            return Ok(());
        }
        Err(SignInError::NotOffered("This server offers no sign-in by e-mail."))
    }
}
