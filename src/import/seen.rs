//! The accounts of a file so far.

use std::collections::HashMap;

use super::{Field, NewImport, Refusal};
use crate::id::UserId;

/// The keys of the accounts of a file so far, with their lines. It takes about a hundred bytes for each account.
#[derive(Default)]
pub struct Seen {
    usernames: HashMap<Box<str>, u64>,
    emails: HashMap<Box<str>, u64>,
    ids: HashMap<UserId, u64>,
}

impl Seen {
    /// Adds an account.
    ///
    /// # Errors
    /// [`Refusal::Duplicate`] if an earlier one has the same username, verified address or id.
    pub fn add(&mut self, line: u64, new: &NewImport) -> Result<(), Refusal> {
        let account = &new.account;
        let duplicate = |field, line: &u64| Err(Refusal::Duplicate { field, line: *line });
        if let Some(line) = self.usernames.get(account.username.key()) {
            return duplicate(Field::Username, line);
        }
        let email = account
            .email
            .as_ref()
            .filter(|_| account.email_verified)
            .map(|email| email.key().into_boxed_str());
        if let Some(line) = email.as_ref().and_then(|email| self.emails.get(email)) {
            return duplicate(Field::Email, line);
        }
        if let Some(line) = account.id.and_then(|id| self.ids.get(&id)) {
            return duplicate(Field::Id, line);
        }
        self.usernames.insert(account.username.key().into(), line);
        self.emails.extend(email.map(|email| (email, line)));
        self.ids.extend(account.id.map(|id| (id, line)));
        Ok(())
    }
}
