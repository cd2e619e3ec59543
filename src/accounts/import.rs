use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr};

use super::{Account, Accounts, DisplayName, EmailAddress, Locale, Metadata, PictureUrl, Username, store};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    clock::Timestamp,
    database::violated_constraint,
    id::UserId,
};

/// An account of another system, or of an export. Its roles are valid.
#[derive(Clone, Debug)]
pub struct ImportedAccount {
    /// The identifier. `None` for a new one.
    pub id: Option<UserId>,
    /// The username.
    pub username: Username,
    /// The display name.
    pub display_name: Option<DisplayName>,
    /// The e-mail address.
    pub email: Option<EmailAddress>,
    /// Whether the owner has proven that the address is theirs.
    pub email_verified: bool,
    /// The language.
    pub locale: Option<Locale>,
    /// The URL of a picture.
    pub picture_url: Option<PictureUrl>,
    /// The metadata that the user writes.
    pub metadata: Option<Metadata>,
    /// The metadata that only administrators write.
    pub app_metadata: Option<Metadata>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// The time of creation. `None` for the time of the import.
    pub created_at: Option<Timestamp>,
    /// The time of the last change. `None` for the time of the import.
    pub updated_at: Option<Timestamp>,
    /// The time of the last sign-in.
    pub last_login_at: Option<Timestamp>,
}

/// The reason why an account cannot be imported beside the existing ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportConflict {
    /// There is an account with the username.
    Username,
    /// Another account has verified the address.
    Email,
    /// Another account has the id.
    Id,
}

impl ImportConflict {
    /// The conflict that a violated unique index means.
    #[must_use]
    pub fn of_error(error: &DbErr) -> Option<Self> {
        let index = violated_constraint(error)?;
        Some(if index.contains("username_key") {
            Self::Username
        } else if index.contains("email") {
            Self::Email
        } else {
            Self::Id
        })
    }
}

impl Accounts {
    /// Finds the conflict of each account with existing ones.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find_import_conflicts(
        &self,
        accounts: &[&ImportedAccount],
    ) -> Result<Vec<Option<ImportConflict>>, DbErr> {
        let db = self.database.reader();
        let usernames = accounts.iter().map(|account| account.username.key().to_owned()).collect();
        let usernames: HashSet<String> = store::taken_usernames(db, usernames).await?;
        let emails = accounts.iter().filter_map(|account| verified_key(account)).collect();
        let emails: HashSet<String> = store::taken_emails(db, emails).await?;
        let ids = accounts.iter().filter_map(|account| account.id).collect();
        let ids: HashSet<UserId> = store::taken_ids(db, ids).await?;
        let conflict = |account: &&ImportedAccount| {
            if usernames.contains(account.username.key()) {
                Some(ImportConflict::Username)
            } else if verified_key(account).is_some_and(|key| emails.contains(&key)) {
                Some(ImportConflict::Email)
            } else {
                account.id.filter(|id| ids.contains(id)).map(|_| ImportConflict::Id)
            }
        };
        Ok(accounts.iter().map(conflict).collect())
    }

    /// Inserts accounts with their password hashes in a transaction.
    ///
    /// # Errors
    /// If a database query fails. [`ImportConflict::of_error`] tells whether an account exists.
    pub async fn import(
        &self,
        transaction: &impl ConnectionTrait,
        accounts: &[(&ImportedAccount, &str)],
    ) -> Result<(), DbErr> {
        let now = self.clock.now();
        let rows: Vec<_> = accounts
            .iter()
            .map(|(new, hash)| (self.new_account(new, now), &new.username, (*hash).to_owned()))
            .collect();
        let created = |(account, ..): &(Account, _, _)| NewEvent {
            action: AuditAction::UserCreated,
            user: Some(account.id),
            session: None,
            actor: Actor::Server,
        };
        let events: Vec<_> = rows.iter().map(created).collect();
        store::insert_all(transaction, rows).await?;
        self.audit.record_all(transaction, events).await
    }

    fn new_account(&self, new: &ImportedAccount, now: Timestamp) -> Account {
        Account {
            id: new.id.unwrap_or_else(|| UserId::generate(&self.clock)),
            username: new.username.as_str().to_owned(),
            display_name: new.display_name.as_ref().map(|name| name.as_str().to_owned()),
            email: new.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: new.email_verified,
            pending_email: None,
            locale: new.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            picture_url: new.picture_url.as_ref().map(|url| url.as_str().to_owned()),
            metadata: new.metadata.clone().map(Metadata::into_json),
            app_metadata: new.app_metadata.clone().map(Metadata::into_json),
            roles: new.roles.clone(),
            disabled: new.disabled,
            token_version: 0,
            created_at: new.created_at.unwrap_or(now),
            updated_at: new.updated_at.unwrap_or(now),
            last_login_at: new.last_login_at,
            deletion_at: None,
        }
    }
}

fn verified_key(account: &ImportedAccount) -> Option<String> {
    account.email.as_ref().filter(|_| account.email_verified).map(EmailAddress::key)
}
