//! Accounts: their names, e-mail addresses, roles and states.
//!
//! Invariants: a username is unique by its mapped form; a verified e-mail address is unique; once there is an
//! administrator who can sign in, there is always one; a change of anything that an access token states about
//! an account increments the account's token version. Sessions and the checking of passwords belong to other
//! folders; this one only stores the password hash.

mod actor;
mod cache;
mod change;
mod claims;
mod create;
mod delete;
mod error;
mod export;
mod factor_policy;
mod import;
mod login_name;
mod look_alike;
mod names;
mod notify;
mod profile;
mod store;

pub mod graphql;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use serde_json::Value as Json;

use self::cache::Cache;
pub use self::{
    actor::LockedAccounts,
    change::{AccountUpdate, UpdatedAccount},
    create::NewAccount,
    error::AccountError,
    export::ExportedAccount,
    import::{ImportConflict, ImportedAccount},
    names::{DisplayName, EmailAddress, Username},
    profile::{Locale, Metadata, PictureUrl},
    store::{AccountFilter, Claim, Credentials, Order, OrderBy, UserCursor},
};
use crate::{
    audit::Audit,
    changes::ChangeFeed,
    clock::{Clock, Timestamp},
    config::Config,
    database::{Database, PageRequest},
    hooks::{HookRunner, TokenOwner},
    id::UserId,
    mail::Mail,
    proofs::Proofs,
    tokens::Scopes,
};

/// An account of a user who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The identifier.
    pub id: UserId,
    /// The username, as its owner writes it.
    pub username: String,
    /// The display name.
    pub display_name: Option<String>,
    /// The e-mail address, as its owner writes it.
    pub email: Option<String>,
    /// Whether the owner has proven that the address is theirs.
    pub email_verified: bool,
    /// A new address that replaces `email` once its owner has proven it.
    pub pending_email: Option<String>,
    /// The language for messages: a BCP 47 tag.
    pub locale: Option<String>,
    /// The URL of a picture of the user.
    pub picture_url: Option<String>,
    /// The metadata that the user writes.
    pub metadata: Option<Json>,
    /// The metadata that only administrators write.
    pub app_metadata: Option<Json>,
    /// The names of the roles in the configuration, sorted.
    pub roles: Vec<String>,
    /// Whether the account is disabled, so that it cannot sign in.
    pub disabled: bool,
    /// Access tokens of an earlier version are revoked.
    pub token_version: i64,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change by the owner or an administrator.
    pub updated_at: Timestamp,
    /// The time of the last sign-in.
    pub last_login_at: Option<Timestamp>,
    /// The time at which the account will be deleted. `None` unless its owner has deleted it and can still undo that.
    pub deletion_at: Option<Timestamp>,
}

/// The version of a row of an account: two reads with the same version are the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountVersion {
    pub(crate) token_version: i64,
    pub(crate) updated_at: Timestamp,
    pub(crate) last_login_at: Option<Timestamp>,
}

impl Account {
    pub(crate) fn version(&self) -> AccountVersion {
        let Self { token_version, updated_at, last_login_at, .. } = *self;
        AccountVersion { token_version, updated_at, last_login_at }
    }

    /// The address that its user still has to verify.
    #[must_use]
    pub fn address_to_verify(&self) -> Option<&str> {
        let claimed = self.email.as_deref().filter(|_| !self.email_verified);
        self.pending_email.as_deref().or(claimed)
    }

    /// The account as the hooks of an application see it when a token is issued.
    pub(crate) fn token_owner(&self) -> TokenOwner<'_> {
        TokenOwner { user: self.id, username: &self.username, roles: &self.roles }
    }
}

/// The services that the account service uses.
pub(crate) struct AccountServices {
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) audit: Audit,
    pub(crate) hooks: HookRunner,
    pub(crate) proofs: Proofs,
    pub(crate) mail: Mail,
}

/// The accounts of this server.
#[derive(Clone)]
pub struct Accounts {
    database: Database,
    clock: Clock,
    config: Arc<Config>,
    feed: Arc<ChangeFeed>,
    audit: Audit,
    cache: Cache,
    hooks: HookRunner,
    proofs: Proofs,
    mail: Mail,
}

impl Accounts {
    /// Returns whether a database has any account.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn exist(database: &Database) -> Result<bool, DbErr> {
        store::exist(database.reader()).await
    }

    /// Creates the service for this database. The feed invalidates its cache.
    #[must_use]
    pub(crate) fn new(
        database: Database,
        config: Arc<Config>,
        clock: Clock,
        services: AccountServices,
    ) -> Self {
        let AccountServices { feed, audit, hooks, proofs, mail } = services;
        let cache = Cache::new();
        let observer = cache.clone();
        feed.observe(move |change, _| {
            if let Some(user) = change.account() {
                observer.invalidate(user);
            }
        });
        Self { database, clock, config, feed, audit, cache, hooks, proofs, mail }
    }

    /// The hooks of the application.
    pub(crate) fn hooks(&self) -> &HookRunner {
        &self.hooks
    }

    /// Generates the identifier of a new account.
    #[must_use]
    pub fn generate_id(&self) -> UserId {
        UserId::generate(&self.clock)
    }

    /// Finds an account by its id. The account is cached until it changes, or for a short time.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, id: UserId) -> Result<Option<Arc<Account>>, DbErr> {
        self.cache.get_or_read(id, || store::find(self.database.reader(), id)).await
    }

    /// Finds an account that has at least this version: in the cache, or in the database if the version is unknown or the
    /// cache has another one.
    pub(crate) async fn find_version(
        &self,
        id: UserId,
        version: Option<AccountVersion>,
    ) -> Result<Option<Account>, DbErr> {
        if version.is_some() {
            let cached = self.find(id).await?.filter(|account| Some(account.version()) == version);
            if let Some(account) = cached {
                return Ok(Some(Arc::unwrap_or_clone(account)));
            }
            self.cache.invalidate(id);
        }
        store::find(self.database.reader(), id).await
    }

    /// Finds the accounts with these ids, as far as they exist.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_many(&self, ids: &[UserId]) -> Result<Vec<Account>, DbErr> {
        store::find_many(self.database.reader(), ids).await
    }

    /// Finds an account by its username, compared by the mapped form.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_by_username(&self, username: &str) -> Result<Option<Account>, DbErr> {
        let Ok(username) = Username::parse(username) else { return Ok(None) };
        store::find_by_username(self.database.reader(), &username).await
    }

    /// Finds the account for a login name, and the hash of its password. A login name is a username or a
    /// verified e-mail address.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_credentials(&self, login: &str) -> Result<Option<Credentials>, DbErr> {
        let db = self.database.reader();
        // The address takes precedence. Otherwise an attacker could choose a victim's address as a username
        // and lock the victim out. Both lookups always run, so that the response time reveals neither.
        let by_email = match EmailAddress::parse(login) {
            Ok(email) => store::credentials_by_email(db, &email).await?,
            Err(_) => None,
        };
        let by_username = match Username::parse(login) {
            Ok(username) => store::credentials_by_username(db, &username).await?,
            Err(_) => None,
        };
        Ok(by_email.or(by_username))
    }

    /// Finds the account that a message to an address is about: the one that has verified the address, or else one that
    /// claims it. Both lookups always run, so that the time reveals neither.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_by_address(
        &self,
        address: &EmailAddress,
        claim: Claim,
    ) -> Result<Option<Account>, DbErr> {
        let db = self.database.reader();
        let verified = store::credentials_by_email(db, address).await?;
        let claimed = store::find_claim(db, address, claim).await?;
        Ok(verified.map(|found| found.account).or(claimed))
    }

    /// Finds an account and the hash of its password in the database, not in the cache.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_credentials_by_id(&self, id: UserId) -> Result<Option<Credentials>, DbErr> {
        store::credentials_of(self.database.reader(), id).await
    }

    /// Whether the user of an account can sign in with a password, in a transaction that has locked the account.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn has_password(
        &self,
        transaction: &impl ConnectionTrait,
        id: UserId,
    ) -> Result<bool, DbErr> {
        let found = store::credentials_of(transaction, id).await?;
        Ok(found.is_some_and(|found| !found.password_hash.is_empty()))
    }

    /// Whether the server sends messages by e-mail, so that a user can set a password by a link.
    pub(crate) fn sends_mail(&self) -> bool {
        self.mail.is_on()
    }

    /// Lists a page of the accounts.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(
        &self,
        filter: &AccountFilter,
        order: OrderBy,
        page: &PageRequest<UserCursor>,
    ) -> Result<Vec<Account>, DbErr> {
        store::list(self.database.reader(), filter, order, page).await
    }

    /// Counts the accounts that match the filter.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count(&self, filter: &AccountFilter) -> Result<u64, DbErr> {
        store::count(self.database.reader(), filter).await
    }

    /// Records a sign-in, and a hash that replaces the one that was checked. Returns false if the account has
    /// changed since the password was checked: the check is then invalid.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn record_login(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        replacement: Option<String>,
    ) -> Result<bool, DbErr> {
        store::record_login(transaction, account, self.clock.now(), replacement).await
    }

    /// Removes an account from the cache after the commit of a sign-in.
    pub fn invalidate(&self, id: UserId) {
        self.cache.invalidate(id);
    }

    /// Returns the scopes that these roles grant.
    #[must_use]
    pub fn scopes(&self, roles: &[String]) -> Scopes {
        let roles = roles.iter().filter_map(|role| self.config.roles.get(role));
        roles.flat_map(|role| role.scopes.iter().cloned()).collect()
    }
}
