use sea_orm::ConnectionTrait;
use secrecy::SecretString;

use super::{FactorError, SecondFactors};
use crate::{
    accounts::Account,
    audit::Actor,
    id::{PasskeyId, SessionId},
    mail::MessageKind,
    passkeys::{NewPasskey, Passkey},
    sessions::AuthenticationMethod,
};

impl SecondFactors {
    /// Adds a verified passkey to the account of the actor. The first factor of an account ends its other sessions, which
    /// were opened without one. Returns new recovery codes if the account has none.
    ///
    /// # Errors
    /// [`FactorError::Passkey`], or [`FactorError::Account`] if the caller may no longer act.
    pub async fn add_passkey(
        &self,
        new: NewPasskey,
        session: SessionId,
        actor: Actor<'_>,
    ) -> Result<(Passkey, Option<Vec<SecretString>>), FactorError> {
        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        let user = account.id;
        let is_first = self.methods(&transaction, user).await?.is_empty();
        self.passkeys.use_challenge(&transaction, &new).await?;
        let passkey = self.passkeys.add(&transaction, new, actor).await?;
        self.accounts.send_notice(&transaction, MessageKind::PasskeyAdded, &account, actor).await?;
        let method = AuthenticationMethod::Passkey;
        let added = self.added(&transaction, user, (method, is_first), session, actor).await?;
        self.feed.commit(transaction, &added.changes).await?;
        self.mail.wake();
        Ok((passkey, added.recovery_codes))
    }

    /// Deletes a passkey of the actor.
    ///
    /// # Errors
    /// [`FactorError::Passkey`], or [`FactorError::Account`] if the caller may no longer act.
    pub async fn delete_passkey(&self, id: PasskeyId, actor: Actor<'_>) -> Result<(), FactorError> {
        let transaction = self.database.begin_short().await?;
        let account = self.lock(&transaction, actor).await?;
        self.passkeys.delete(&transaction, &account, id, actor).await?;
        self.ensure_enough_factors(&transaction, &account).await?;
        self.accounts.send_notice(&transaction, MessageKind::PasskeyRemoved, &account, actor).await?;
        self.clean_up(&transaction, account.id).await?;
        transaction.commit().await?;
        self.mail.wake();
        Ok(())
    }

    /// Deletes all passkeys of an account, in the transaction that takes the account from an intruder or resets its
    /// factors.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn remove_passkeys(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(), FactorError> {
        if self.passkeys.delete_all(transaction, account.id, actor).await? > 0 {
            self.accounts.send_notice(transaction, MessageKind::PasskeyRemoved, account, actor).await?;
        }
        Ok(self.clean_up(transaction, account.id).await?)
    }
}
