//! Who exists: accounts, their names, e-mail addresses, roles and states.
//!
//! Invariants: a username is unique by its mapped form; a verified e-mail address is unique; there is
//! always an administrator who can sign in, once there was one; whatever an access token says of an
//! account cannot change without the account's token version growing. Sessions and passwords in use are other
//! folders' business: this one only keeps the hash.

mod actor;
mod cache;
mod change;
mod create;
mod delete;
mod error;
mod names;
mod store;

pub mod graphql;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};

use self::cache::Cache;
pub use self::{
    actor::LockedAccounts,
    change::{AccountUpdate, UpdatedAccount},
    create::NewAccount,
    error::AccountError,
    names::{DisplayName, EmailAddress, Username},
    store::{AccountFilter, Credentials, Order, OrderBy, UserCursor},
};
use crate::{
    audit::Audit,
    changes::ChangeFeed,
    clock::{Clock, Timestamp},
    config::Config,
    database::{Database, PageRequest},
    id::UserId,
    tokens::Scopes,
};

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name for programs.
    pub id: UserId,
    /// Its name for people, as its owner writes it.
    pub username: String,
    /// What to call the person.
    pub display_name: Option<String>,
    /// As its owner writes it.
    pub email: Option<String>,
    /// Whether its owner has shown that the address is theirs.
    pub email_verified: bool,
    /// What it may do, by the names of the configuration. Sorted.
    pub roles: Vec<String>,
    /// Whether it is barred from signing in.
    pub disabled: bool,
    /// Access tokens of an earlier version are revoked.
    pub token_version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner or an administrator last changed it.
    pub updated_at: Timestamp,
    /// The last sign-in.
    pub last_login_at: Option<Timestamp>,
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
}

impl Accounts {
    /// Whether a database has any account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn exist(database: &Database) -> Result<bool, DbErr> {
        store::exist(database.reader()).await
    }

    /// The accounts of this database. The cache follows the feed.
    #[must_use]
    pub fn new(
        database: Database,
        config: Arc<Config>,
        feed: Arc<ChangeFeed>,
        audit: Audit,
        clock: Clock,
    ) -> Self {
        let cache = Cache::new();
        let observer = cache.clone();
        feed.observe(move |change| {
            if let Some(user) = change.account() {
                observer.invalidate(user);
            }
        });
        Self { database, clock, config, feed, audit, cache }
    }

    /// The account of this id; remembered for a while, until it changes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, id: UserId) -> Result<Option<Arc<Account>>, DbErr> {
        self.cache.get_or_read(id, || store::find(self.database.reader(), id)).await
    }

    /// The accounts of these ids, those that exist.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_many(&self, ids: &[UserId]) -> Result<Vec<Account>, DbErr> {
        store::find_many(self.database.reader(), ids).await
    }

    /// The account of this username, compared by its mapped form.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_by_username(&self, username: &str) -> Result<Option<Account>, DbErr> {
        let Ok(username) = Username::parse(username) else { return Ok(None) };
        store::find_by_username(self.database.reader(), &username).await
    }

    /// The account that somebody means who types this to sign in, and the hash of its password: a
    /// username, or an e-mail address that is verified.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_credentials(&self, login: &str) -> Result<Option<Credentials>, DbErr> {
        let db = self.database.reader();
        // An address comes first, or somebody could take another's address for a username and shut its
        // owner out. Both are looked up always, so that neither shows in the time.
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

    /// The account as it is in the database, and the hash of its password.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_credentials_by_id(&self, id: UserId) -> Result<Option<Credentials>, DbErr> {
        store::credentials_of(self.database.reader(), id).await
    }

    /// A page of the accounts.
    ///
    /// Up to [`PageRequest::limit`] rows, one more than the page has, nearest to the page's end first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(
        &self,
        filter: &AccountFilter,
        order: OrderBy,
        page: &PageRequest<UserCursor>,
    ) -> Result<Vec<Account>, DbErr> {
        store::list(self.database.reader(), filter, order, page).await
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, filter: &AccountFilter) -> Result<u64, DbErr> {
        store::count(self.database.reader(), filter).await
    }

    /// Notes a sign-in, and a hash that replaces the one it was checked against. False when the account
    /// has changed since the password was checked: then the check does not count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record_login(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
        replacement: Option<String>,
    ) -> Result<bool, DbErr> {
        store::record_login(transaction, account, self.clock.now(), replacement).await
    }

    /// Reads an account anew when it is asked for next, after a sign-in that was committed.
    pub fn invalidate(&self, id: UserId) {
        self.cache.invalidate(id);
    }

    /// What an account with these roles may do.
    #[must_use]
    pub fn scopes(&self, roles: &[String]) -> Scopes {
        let roles = roles.iter().filter_map(|role| self.config.roles.get(role));
        roles.flat_map(|role| role.scopes.iter().cloned()).collect()
    }

    /// The configuration of the server.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }
}
