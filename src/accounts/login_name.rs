//! The username of a new account, by the settings of `[accounts]`.

use sea_orm::ConnectionTrait;

use super::{
    Account, AccountError, AccountUpdate, Accounts, EmailAddress, Username, look_alike::is_reserved, store,
};
use crate::{audit::Actor, config::UsernamePolicy, id::UserId};

impl Account {
    /// The username, unless it is only provisional.
    #[must_use]
    pub fn own_username(&self) -> Option<&str> {
        Some(self.username.as_str()).filter(|username| *username != self.id.to_string())
    }
}

impl Accounts {
    /// The username of an account that registers, from what its form says: the chosen one, or the e-mail address.
    ///
    /// # Errors
    /// [`AccountError::UsernameInvalid`] or [`AccountError::EmailInvalid`].
    pub fn registration_username(
        &self,
        chosen: Option<&str>,
        email: Option<&EmailAddress>,
    ) -> Result<Username, AccountError> {
        match (self.config.accounts.username, chosen, email) {
            (UsernamePolicy::Required | UsernamePolicy::Optional, Some(chosen), _) => Username::parse(chosen),
            (UsernamePolicy::Required, None, _) => {
                Err(AccountError::UsernameInvalid("This server requires a username."))
            }
            (_, None, None) => Err(AccountError::EmailInvalid("An e-mail address is required.")),
            (UsernamePolicy::Optional, None, Some(email)) => username_of(email),
            (UsernamePolicy::Email, chosen, email) => {
                let is_address =
                    |chosen| email.is_some_and(|email| is_username_of(Username::parse(chosen).ok(), email));
                match email {
                    Some(email) if chosen.is_none_or(is_address) => username_of(email),
                    _ => Err(AccountError::UsernameInvalid(
                        "On this server, the e-mail address is the username. Omit the username.",
                    )),
                }
            }
        }
    }

    /// The username with which an account is created whose address must be verified first. Where the address is the
    /// username, the account gets it with the verification, and its id until then. Otherwise the registration would
    /// reveal whether the address is taken, and an attacker could occupy the address of somebody else.
    ///
    /// # Errors
    /// Never: an id is a valid username.
    pub fn unverified_username(
        &self,
        id: UserId,
        username: Username,
        email: Option<&EmailAddress>,
    ) -> Result<Username, AccountError> {
        let is_address = email.is_some_and(|email| is_username_of(Some(username.clone()), email));
        if is_address && self.config.accounts.username != UsernamePolicy::Required {
            provisional(id)
        } else {
            Ok(username)
        }
    }

    /// Checks a new username of an account: its characters, whether it is reserved, and whether it looks like that of
    /// another account. Only an administrator may create an account with a reserved name. An address that is the username
    /// is not checked, because its owner cannot choose another one. Where an address can be the username, nobody may choose
    /// that of somebody else: it would reveal whether the address is taken, or occupy it.
    pub(super) async fn ensure_permitted(
        &self,
        transaction: &impl ConnectionTrait,
        owner: UserId,
        username: &Username,
        email: Option<&EmailAddress>,
        actor: Actor<'_>,
    ) -> Result<(), AccountError> {
        let config = &self.config.accounts;
        // An administrator is a bearer, or the server itself.
        let is_by_user = matches!(actor, Actor::Client { .. });
        let is_address = email.is_some_and(|email| is_username_of(Some(username.clone()), email));
        let can_be_address = config.username != UsernamePolicy::Required;
        if (is_address && (can_be_address || !is_by_user)) || username.as_str() == owner.to_string() {
            return Ok(());
        }
        if is_by_user && can_be_address && username.key().contains('@') {
            return Err(AccountError::UsernameInvalid(
                "On this server, a username with @ must be the e-mail address of the account.",
            ));
        }
        let is_allowed =
            |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || config.username_characters.contains(c);
        if !username.as_str().chars().all(is_allowed) {
            return Err(AccountError::UsernameInvalid(
                "A username consists of letters, digits and the signs that this server permits.",
            ));
        }
        if is_by_user && is_reserved(username, &config.reserved_names) {
            return Err(AccountError::UsernameReserved);
        }
        self.ensure_distinct(transaction, username, owner).await
    }
}

impl Accounts {
    /// The username that an update gives to an account: the chosen one, or a new address.
    pub(super) async fn updated_username(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        changes: &AccountUpdate,
        actor: Actor<'_>,
    ) -> Result<Option<Username>, AccountError> {
        match &changes.username {
            None => self.renamed(transaction, account, changes).await,
            Some(username) if username.as_str() == account.username => Ok(None),
            Some(username) => {
                let email = account.email.as_deref().map(EmailAddress::parse).transpose()?;
                self.ensure_permitted(transaction, account.id, username, email.as_ref(), actor).await?;
                Ok(Some(username.clone()))
            }
        }
    }

    /// The username of an account whose address changes or is verified: the address, if the previous one is the username
    /// or the username is provisional. If another account has occupied the name, a verified address is still its owner's:
    /// they sign in with it, and the username is provisional.
    async fn renamed(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        changes: &AccountUpdate,
    ) -> Result<Option<Username>, AccountError> {
        let proven = changes.proven_email.as_deref().map(EmailAddress::parse).transpose()?;
        let is_proven = proven.is_some();
        let Some(email) = proven.or_else(|| changes.email.clone().flatten()) else { return Ok(None) };
        let previous = account.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
        let username = Username::parse(&account.username).ok();
        let follows = match account.own_username() {
            None => is_proven,
            Some(_) => {
                account.email.as_deref() != Some(email.as_str())
                    && previous.is_some_and(|previous| is_username_of(username, &previous))
            }
        };
        if !follows || self.config.accounts.username == UsernamePolicy::Required {
            return Ok(None);
        }
        let username = match username_of(&email) {
            Ok(username) if !is_proven => username,
            Err(error) if !is_proven => return Err(error),
            Ok(username) if !store::is_key_taken(transaction, &username, account.id).await? => username,
            Ok(_) | Err(_) => provisional(account.id)?,
        };
        Ok(Some(username).filter(|username| username.as_str() != account.username))
    }
}

/// The username of an account that has none of its own.
fn provisional(id: UserId) -> Result<Username, AccountError> {
    Username::parse(&id.to_string())
}

/// Whether a username is this address.
fn is_username_of(username: Option<Username>, email: &EmailAddress) -> bool {
    let address = username_of(email).ok();
    username.is_some_and(|username| address.is_some_and(|address| address.key() == username.key()))
}

/// An address as a username.
fn username_of(email: &EmailAddress) -> Result<Username, AccountError> {
    Username::parse(email.as_str()).map_err(|_| {
        AccountError::EmailInvalid("This address cannot be a username, which has at most 64 characters.")
    })
}
