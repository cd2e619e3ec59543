use sea_orm::{ConnectionTrait, DbErr};

use super::{Account, Accounts, names::search_key};
use crate::{
    audit::Actor,
    mail::{MessageClient, MessageKind, NewMessage, Variables},
    proofs::{AddressOwner, Purpose, Recipient, SentProof},
};

impl Account {
    /// The account as the recipient of a proof that is sent to this address. `language` is that of the client.
    #[must_use]
    pub fn recipient<'a>(&'a self, email: &'a str, language: Option<&'a str>) -> Recipient<'a> {
        Recipient {
            user: Some(self.id),
            email,
            email_key: search_key(email),
            username: self.own_username(),
            display_name: self.display_name.as_deref(),
            locale: self.locale.as_deref().or(language),
            other_address: None,
            owner: None,
        }
    }

    /// The account as the owner of an address with which somebody else has registered.
    #[must_use]
    pub fn as_address_owner(&self) -> AddressOwner<'_> {
        AddressOwner { user: self.id, username: self.own_username() }
    }
}

impl Accounts {
    /// Writes a message that verifies an address of an account to the outbox.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn send_verification(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        address: &str,
        actor: Actor<'_>,
    ) -> Result<SentProof, DbErr> {
        let recipient = account.recipient(address, language(actor));
        self.proofs.send(transaction, Purpose::VerifyEmail, recipient, actor.client()).await
    }

    /// Writes a notice to the outbox. Only a verified address receives notices, because another one may be anybody's.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn send_notice(
        &self,
        transaction: &impl ConnectionTrait,
        kind: MessageKind,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(), DbErr> {
        let Some(message) = notice(kind, account, actor) else { return Ok(()) };
        self.mail.enqueue(transaction, &message).await.map(|_| ())
    }

    /// Writes the notice that the account will be deleted after `accounts.delete_after` to the outbox.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn announce_deletion(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        actor: Actor<'_>,
    ) -> Result<(), DbErr> {
        let Some(mut message) = notice(MessageKind::DeletionScheduled, account, actor) else {
            return Ok(());
        };
        message.variables.expires_in = Some(self.config.accounts.delete_after);
        self.mail.enqueue(transaction, &message).await.map(|_| ())
    }

    /// Tells the previous address that it was replaced, with a link that undoes the change.
    pub(super) async fn announce_email_change(
        &self,
        transaction: &impl ConnectionTrait,
        before: &Account,
        after: &Account,
        actor: Actor<'_>,
    ) -> Result<(), DbErr> {
        let Some(previous) = before.email.as_deref() else { return Ok(()) };
        let recipient = Recipient {
            other_address: after.email.as_deref(),
            ..before.recipient(previous, language(actor))
        };
        self.proofs.send(transaction, Purpose::UndoEmailChange, recipient, actor.client()).await.map(|_| ())
    }
}

/// A notice for the user of an account. `None` if its address is not verified.
fn notice<'a>(kind: MessageKind, account: &'a Account, actor: Actor<'a>) -> Option<NewMessage<'a>> {
    Some(NewMessage {
        kind,
        user: Some(account.id),
        recipient: account.email.as_deref().filter(|_| account.email_verified)?,
        locale: account.locale.as_deref().or(language(actor)),
        is_decoy: false,
        variables: Variables {
            username: account.own_username().map(str::to_owned),
            display_name: account.display_name.clone(),
            client: actor.client().map(MessageClient::from),
            ..Variables::default()
        },
    })
}

fn language(actor: Actor<'_>) -> Option<&str> {
    actor.client().and_then(|client| client.language.as_deref())
}
