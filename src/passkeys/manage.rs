use sea_orm::{ConnectionTrait, DbErr};

use super::{Passkey, PasskeyError, Passkeys, store};
use crate::{
    accounts::Account,
    audit::{Actor, AuditAction, NewEvent},
    id::{PasskeyId, UserId},
};

/// The maximum length of a name, characters.
const MAX_NAME_CHARS: usize = 64;

/// The name of a passkey: one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyName(String);

impl PasskeyName {
    /// Parses a name. Returns `None` for an empty one.
    ///
    /// # Errors
    /// [`PasskeyError::NameInvalid`].
    pub fn parse(text: &str) -> Result<Option<Self>, PasskeyError> {
        let text = text.trim();
        if text.len() > 4 * MAX_NAME_CHARS || text.chars().count() > MAX_NAME_CHARS {
            return Err(PasskeyError::NameInvalid("The name of a passkey has at most 64 characters."));
        }
        if text.chars().any(char::is_control) {
            return Err(PasskeyError::NameInvalid(
                "The name of a passkey is one line without control characters.",
            ));
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl Passkeys {
    /// Renames a passkey of the actor.
    ///
    /// # Errors
    /// [`PasskeyError::NotFound`], or [`PasskeyError::Account`] if the actor's token was revoked.
    pub async fn rename(
        &self,
        id: PasskeyId,
        name: PasskeyName,
        actor: Actor<'_>,
    ) -> Result<Passkey, PasskeyError> {
        let user = actor.user().ok_or(PasskeyError::NotFound)?;
        let transaction = self.0.database.begin_short().await?;
        self.0.accounts.lock_actor(&transaction, actor, None).await?;
        let renamed = store::rename(&transaction, user, id, name.0).await?;
        transaction.commit().await?;
        renamed.ok_or(PasskeyError::NotFound)
    }

    /// Deletes a passkey of an account, in a transaction that has locked the account. The caller rolls it back if this
    /// fails.
    ///
    /// # Errors
    /// [`PasskeyError::NotFound`], or [`PasskeyError::LastLoginMethod`].
    pub async fn delete(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        id: PasskeyId,
        actor: Actor<'_>,
    ) -> Result<(), PasskeyError> {
        let user = account.id;
        if !store::delete(transaction, user, id).await? {
            return Err(PasskeyError::NotFound);
        }
        let has_address = account.email_verified && self.0.accounts.sends_mail();
        if store::count(transaction, user).await? == 0
            && !has_address
            && !self.0.accounts.has_password(transaction, user).await?
        {
            return Err(PasskeyError::LastLoginMethod);
        }
        let action = AuditAction::PasskeyRemoved;
        let new_event = NewEvent { action, user: Some(user), session: None, actor };
        self.0.audit.record(transaction, new_event).await?;
        Ok(())
    }

    /// Deletes all passkeys of an account, in the transaction that takes the account from an intruder or resets its
    /// factors. Returns their number.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn delete_all(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        actor: Actor<'_>,
    ) -> Result<u64, DbErr> {
        let deleted = store::delete_of(transaction, user).await?;
        for _ in 0..deleted {
            let action = AuditAction::PasskeyRemoved;
            let new_event = NewEvent { action, user: Some(user), session: None, actor };
            self.0.audit.record(transaction, new_event).await?;
        }
        Ok(deleted)
    }
}
