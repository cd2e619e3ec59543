//! The username of a new account, by the settings of `[accounts]`.

use sea_orm::ConnectionTrait;

use super::{
    Account, AccountError, AccountUpdate, Accounts, EmailAddress, Username, look_alike::is_reserved,
};
use crate::{audit::Actor, config::UsernamePolicy, id::UserId};

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

    /// Checks a new username of an account: its characters, whether it is reserved, and whether it looks like that of
    /// another account. Only an administrator may create an account with a reserved name. An address that is the username
    /// is not checked, because its owner cannot choose another one.
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
        if is_address && !(is_by_user && config.username == UsernamePolicy::Required) {
            return Ok(());
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
            None => self.renamed(account, changes),
            Some(username) if username.as_str() == account.username => Ok(None),
            Some(username) => {
                let email = account.email.as_deref().map(EmailAddress::parse).transpose()?;
                self.ensure_permitted(transaction, account.id, username, email.as_ref(), actor).await?;
                Ok(Some(username.clone()))
            }
        }
    }

    /// The username of an account whose address changes: the new address, if the previous one is the username.
    fn renamed(&self, account: &Account, changes: &AccountUpdate) -> Result<Option<Username>, AccountError> {
        let proven = changes.proven_email.as_deref().map(EmailAddress::parse).transpose()?;
        let Some(email) = proven.or_else(|| changes.email.clone().flatten()) else { return Ok(None) };
        let previous = account.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
        let username = Username::parse(&account.username).ok();
        let follows = self.config.accounts.username != UsernamePolicy::Required
            && previous.is_some_and(|previous| is_username_of(username, &previous));
        if follows && account.email.as_deref() != Some(email.as_str()) {
            username_of(&email).map(Some)
        } else {
            Ok(None)
        }
    }
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
