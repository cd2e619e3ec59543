use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Admin, AdminError};
use crate::{
    accounts::{ImportConflict, ImportedAccount},
    import::NewImport,
    passwords::ImportedPassword,
};

/// The result for one account of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The account was imported.
    Imported,
    /// The account was not imported, and nothing of it was changed.
    Conflict(ImportConflict),
}

impl Admin {
    /// Imports accounts, each with an event in the audit log. Those that exist already are left as they are, so an
    /// interrupted import can be repeated. Only the command line imports, so the actor is the server.
    ///
    /// # Errors
    /// If a plain password cannot be hashed, or a database query fails. The accounts of earlier calls stay.
    pub async fn import_users(&self, new: &[NewImport]) -> Result<Vec<ImportOutcome>, AdminError> {
        let mut outcomes = self.check_import(new).await?;
        let is_free = |outcome: &&ImportOutcome| **outcome == ImportOutcome::Imported;
        let free: Vec<&NewImport> =
            new.iter().zip(&outcomes).filter(|(_, outcome)| is_free(outcome)).map(|(new, _)| new).collect();
        let hashes = self.hash_imported(&free).await?;
        let accounts = free.iter().map(|new| &new.account).zip(hashes.iter().map(String::as_str));
        let inserted = self.insert_imported(&accounts.collect::<Vec<_>>()).await?;
        let slots = outcomes.iter_mut().filter(|outcome| is_free(&&**outcome));
        slots.zip(inserted).for_each(|(slot, outcome)| *slot = outcome);
        Ok(outcomes)
    }

    /// The result that importing these accounts would have. Writes nothing.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn check_import(&self, new: &[NewImport]) -> Result<Vec<ImportOutcome>, AdminError> {
        let accounts: Vec<&ImportedAccount> = new.iter().map(|new| &new.account).collect();
        let conflicts = self.accounts.find_import_conflicts(&accounts).await?;
        let outcome = |found: Option<_>| found.map_or(ImportOutcome::Imported, ImportOutcome::Conflict);
        Ok(conflicts.into_iter().map(outcome).collect())
    }

    /// Hashes the plain passwords on all threads of the hasher, in the order of the accounts.
    async fn hash_imported(&self, new: &[&NewImport]) -> Result<Vec<String>, AdminError> {
        let hash = |new: &NewImport| {
            let (password, hasher) = (new.password.clone(), self.hasher.clone());
            async move {
                match password {
                    ImportedPassword::Hash(hash) => Ok(hash.as_str().to_owned()),
                    ImportedPassword::Plain(password) => Ok(hasher.hash(&password).await?),
                }
            }
        };
        // No more than the queue holds, because it rejects further jobs.
        let hashes = stream::iter(new.iter().map(|new| hash(new))).buffered(self.hasher.queue_len().get());
        hashes.try_collect().await
    }

    /// Inserts accounts in one transaction, or each in its own if another program has created one of them meanwhile.
    async fn insert_imported(
        &self,
        accounts: &[(&ImportedAccount, &str)],
    ) -> Result<Vec<ImportOutcome>, AdminError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        if self.insert_together(accounts).await? == ImportOutcome::Imported {
            return Ok(vec![ImportOutcome::Imported; accounts.len()]);
        }
        let mut outcomes = Vec::with_capacity(accounts.len());
        for account in accounts {
            outcomes.push(self.insert_together(std::slice::from_ref(account)).await?);
        }
        Ok(outcomes)
    }

    /// Inserts all these accounts or none.
    async fn insert_together(
        &self,
        accounts: &[(&ImportedAccount, &str)],
    ) -> Result<ImportOutcome, AdminError> {
        let transaction = self.database.begin().await?;
        match self.accounts.import(&transaction, accounts).await {
            Ok(()) => {
                self.feed.commit(transaction, &[]).await?;
                Ok(ImportOutcome::Imported)
            }
            Err(error) => {
                transaction.rollback().await?;
                ImportConflict::of_error(&error).map(ImportOutcome::Conflict).ok_or_else(|| error.into())
            }
        }
    }
}
