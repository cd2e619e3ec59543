use secrecy::{ExposeSecret, SecretString};

use super::{EmailProof, SignIn, SignInError, complete::Authenticated};
use crate::{
    accounts::{Account, AccountUpdate},
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    limits::account_key,
    mail::MessageKind,
    passwords::PasswordContext,
    proofs::{InvalidProof, Purpose},
    sessions::SignedIn,
};

impl SignIn {
    /// Sets a new password for the owner of an address, and signs them in. All sessions of the account end and all its
    /// links and codes are void. If nobody had proven the address before, its second factors and passkeys are removed, because
    /// somebody else may have added them. Otherwise they stay, and the sign-in asks for them.
    ///
    /// # Errors
    /// [`SignInError::Proof`], [`SignInError::Password`], or [`SignInError::RateLimited`].
    pub async fn reset_password(
        &self,
        proof: &EmailProof,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<SignedIn, SignInError> {
        let method = proof.method();
        let proof = self.check_proof(Purpose::ResetPassword, proof).await?;
        let account = self.accounts.find(proof.user).await?.ok_or(InvalidProof::Unknown)?;
        // Checked before the proof is used, so that the user can choose another password.
        let password_hash = self.hash_new_password(&account, password, client).await?;
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await?;

        let (transaction, account) = self.begin_with(&proof).await?;
        if account.email.as_deref() != Some(&proof.email) {
            transaction.rollback().await?;
            return Err(InvalidProof::Unknown.into());
        }
        let actor = Actor::Client { client, user: Some(account.id) };
        let changes = AccountUpdate {
            password_hash: Some(password_hash),
            proven_email: Some(proof.email),
            notice: Some(MessageKind::AccountRecovered),
            ..AccountUpdate::default()
        };
        let changed = self.accounts.change(&transaction, account.id, changes, actor).await?;
        let new_event =
            NewEvent { action: AuditAction::PasswordReset, user: Some(account.id), session: None, actor };
        self.audit.record(&transaction, new_event).await?;
        let mut changes = self.sessions.revoke_all_in(&transaction, account.id, None, actor).await?;
        changes.extend(changed.change);
        if !account.email_verified {
            self.second_factors.reset(&transaction, &account, actor).await?;
        }
        self.throttle.reset(&transaction, account.id).await?;
        let (account, methods) = (changed.account, vec![method]);
        let user = Authenticated { account, methods, replacement: None, additions, changes };
        self.complete_sign_in(transaction, user, client).await
    }

    /// Checks a new password against the policy, and hashes it.
    pub(super) async fn hash_new_password(
        &self,
        account: &Account,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<String, SignInError> {
        let owner = PasswordContext {
            username: &account.username,
            email: account.email.as_deref(),
            display_name: account.display_name.as_deref(),
        };
        let hasher = self.hasher.on_behalf_of(client.address, &account_key(account.id));
        let password = self.policy.validate(password.expose_secret(), &owner, &hasher).await?;
        Ok(hasher.hash(&password).await?)
    }
}
