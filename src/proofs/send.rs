use sea_orm::{ConnectionTrait, DbErr};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Proofs, Purpose,
    digits::{hash_code, random_code},
    store,
};
use crate::{
    client::ClientInfo,
    clock::Timestamp,
    id::UserId,
    mail::{MessageClient, MessageKind, NewMessage, Variables},
    secret::{hash_token, random_token},
};

/// The recipient of a proof.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    /// The account. `None` if no account has the address: then nothing is sent.
    pub user: Option<UserId>,
    /// The address.
    pub email: &'a str,
    /// The key by which addresses are compared.
    pub email_key: String,
    /// The username of the account.
    pub username: Option<&'a str>,
    /// The display name of the account.
    pub display_name: Option<&'a str>,
    /// The language of the message: a BCP 47 tag.
    pub locale: Option<&'a str>,
    /// Another address that the message is about.
    pub other_address: Option<&'a str>,
    /// The account that has already verified the address. Its owner then receives a message that says so, without a link
    /// and a code.
    pub owner: Option<AddressOwner<'a>>,
}

/// The account that has verified the address to which a proof for another account would be sent.
#[derive(Clone, Copy, Debug)]
pub struct AddressOwner<'a> {
    /// The account.
    pub user: UserId,
    /// Its username.
    pub username: Option<&'a str>,
}

impl<'a> Recipient<'a> {
    /// An address that belongs to no account.
    #[must_use]
    pub const fn nobody(email: &'a str, email_key: String) -> Self {
        Self {
            user: None,
            email,
            email_key,
            username: None,
            display_name: None,
            locale: None,
            other_address: None,
            owner: None,
        }
    }
}

/// A proof that was written to the outbox.
pub struct SentProof {
    /// The challenge that the requesting client sends beside the code. `None` if the message has no code.
    pub challenge: Option<SecretString>,
    /// The time at which link and code expire.
    pub expires_at: Timestamp,
}

impl Proofs {
    /// Creates a proof and writes its message to the outbox. Voids earlier proofs of the same purpose.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn send(
        &self,
        transaction: &impl ConnectionTrait,
        purpose: Purpose,
        recipient: Recipient<'_>,
        client: Option<&ClientInfo>,
    ) -> Result<SentProof, DbErr> {
        let now = self.clock.now();
        let lifetime = purpose.lifetime(&self.config.accounts);
        let expires_at = now + lifetime;
        let token = random_token()?;
        let code = if purpose.has_code() { Some((random_token()?, random_code()?)) } else { None };
        if purpose.is_replaced_by_newer() {
            store::void(transaction, purpose, recipient.user, &recipient.email_key).await?;
        }
        let code_hash =
            |(challenge, code): &(SecretString, SecretString)| hash_code(&self.code_keys[0], challenge, code);
        let challenge_hash =
            |(challenge, _): &(SecretString, SecretString)| hash_token(challenge.expose_secret());
        let new = store::NewProof {
            id: self.clock.uuid(),
            purpose,
            user: recipient.user,
            email: recipient.email,
            email_key: recipient.email_key,
            token_hash: hash_token(token.expose_secret()).unwrap_or_default(),
            challenge_hash: code.as_ref().and_then(challenge_hash),
            code_hash: code.as_ref().map(code_hash),
            created_at: now,
            expires_at,
        };
        store::insert(transaction, new).await?;
        let text = |text: &str| text.to_owned();
        let secrets = (self.link(purpose, &token), code.as_ref().map(|(_, code)| text(code.expose_secret())));
        let (kind, (link, code_text), (user, username)) = match recipient.owner {
            Some(owner) => (MessageKind::AddressTaken, (None, None), (Some(owner.user), owner.username)),
            None => (purpose.message(), secrets, (recipient.user, recipient.username)),
        };
        let message = NewMessage {
            kind,
            user,
            recipient: recipient.email,
            locale: recipient.locale,
            is_decoy: user.is_none(),
            variables: Variables {
                username: username.map(text),
                display_name: recipient.display_name.map(text),
                link,
                code: code_text,
                expires_in: Some(lifetime),
                address: recipient.other_address.map(text),
                client: client.map(MessageClient::from),
            },
        };
        self.mail.enqueue(transaction, &message).await?;
        Ok(SentProof { challenge: code.map(|(challenge, _)| challenge), expires_at })
    }

    /// The link with this token: that of the application, or of the page that the server serves.
    fn link(&self, purpose: Purpose, token: &SecretString) -> Option<String> {
        let (template, path) = purpose.link(&self.config.accounts.links)?;
        Some(match template {
            Some(template) => template.replace("{token}", token.expose_secret()),
            None => format!("{}{path}#{}", self.config.http.public_url(), token.expose_secret()),
        })
    }
}
