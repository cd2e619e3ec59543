use std::fmt;

use sea_orm::DbErr;

use super::{Account, Accounts, store};
use crate::id::UserId;

/// An account with the hash of its password.
pub struct ExportedAccount {
    /// The account.
    pub account: Account,
    /// The hash, as it is stored.
    pub password_hash: String,
}

impl fmt::Debug for ExportedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedAccount").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Reads a page of all accounts with their password hashes, in the order of their ids.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn export(&self, after: Option<UserId>, limit: u64) -> Result<Vec<ExportedAccount>, DbErr> {
        store::page_by_id(self.database.reader(), after, limit).await
    }
}
