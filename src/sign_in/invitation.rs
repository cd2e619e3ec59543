use secrecy::SecretString;

use super::{EmailProof, SignIn, SignInError, complete::Authenticated};
use crate::{
    accounts::{AccountUpdate, Username},
    audit::Actor,
    client::ClientInfo,
    proofs::{InvalidProof, Purpose},
    sessions::{AuthenticationMethod, SignedIn},
};

/// The response to an invitation.
pub struct Acceptance {
    /// The token of the link.
    pub token: SecretString,
    /// A username that replaces the one that the administrator chose.
    pub username: Option<Username>,
    /// The first password of the account.
    pub password: SecretString,
}

impl SignIn {
    /// Sets the first password of an account that an administrator has created, verifies its address, and signs its user
    /// in.
    ///
    /// # Errors
    /// [`SignInError::Proof`], [`SignInError::Password`], or [`SignInError::Account`] if the username is taken.
    pub async fn accept_invitation(
        &self,
        acceptance: Acceptance,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let Acceptance { token, username, password } = acceptance;
        let proof = self.check_proof(Purpose::Invitation, &EmailProof::Token(token)).await?;
        let found = self.accounts.find(proof.user).await?.ok_or(InvalidProof::Unknown)?;
        let mut invited = (*found).clone();
        if let Some(username) = &username {
            username.as_str().clone_into(&mut invited.username);
        }
        let password_hash = self.hash_new_password(&invited, &password, client).await?;
        let additions = self.accounts.hooks().token_additions(&invited.token_owner()).await?;

        let (transaction, account) = self.begin_with(&proof).await?;
        if account.email.as_deref() != Some(&proof.email) {
            transaction.rollback().await?;
            return Err(InvalidProof::Unknown.into());
        }
        let actor = Actor::Client { client, user: Some(account.id) };
        let update = AccountUpdate {
            username,
            password_hash: Some(password_hash),
            proven_email: Some(proof.email),
            ..AccountUpdate::default()
        };
        let changed = self.accounts.change(&transaction, account.id, update, actor).await?;
        let user = Authenticated {
            account: changed.account,
            methods: vec![AuthenticationMethod::EmailLink],
            replacement: None,
            additions,
            changes: changed.change.into_iter().collect(),
        };
        self.complete_sign_in(transaction, user, client).await
    }
}
