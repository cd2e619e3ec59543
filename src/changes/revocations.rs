use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::Change;
use crate::{
    clock::Timestamp,
    id::UserId,
    tokens::{Claims, TokenSource},
};

/// The sessions, personal access tokens and accounts whose access tokens are revoked. An entry is kept until its last
/// token has expired.
#[derive(Debug, Default)]
pub struct RevocationList(RwLock<Lists>);

#[derive(Debug, Default)]
struct Lists {
    /// Sessions and personal access tokens.
    sources: HashMap<TokenSource, Timestamp>,
    accounts: HashMap<UserId, (i64, Timestamp)>,
}

impl RevocationList {
    /// Whether a token has been revoked. The list names accounts and sessions of Portcullis, so it revokes no token of
    /// another provider.
    #[must_use]
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let Some(token) = claims.account() else { return false };
        let lists = self.read();
        lists.sources.contains_key(&token.source)
            || lists
                .accounts
                .get(&token.user)
                .is_some_and(|(token_version, _)| token.token_version < *token_version)
    }

    /// Applies a change. It is kept until `until`, when the last token that it revokes has expired.
    pub fn apply(&self, change: &Change, until: Timestamp) {
        match *change {
            Change::SessionEnded(session) => self.revoke(TokenSource::Session(session), until),
            Change::PersonalAccessTokenRevoked(token) => {
                self.revoke(TokenSource::PersonalAccessToken(token), until);
            }
            Change::TokensRevoked { user, token_version } => {
                let mut lists = self.write();
                let entry = lists.accounts.entry(user).or_insert((token_version, until));
                *entry = (entry.0.max(token_version), entry.1.max(until));
            }
            Change::AccountUpdated(_) | Change::KeysChanged => {}
        }
    }

    fn revoke(&self, source: TokenSource, until: Timestamp) {
        let mut lists = self.write();
        let entry = lists.sources.entry(source).or_insert(until);
        *entry = (*entry).max(until);
    }

    /// Removes the entries that no unexpired token needs.
    pub fn sweep(&self, now: Timestamp) {
        let mut lists = self.write();
        lists.sources.retain(|_, until| *until > now);
        lists.accounts.retain(|_, (_, until)| *until > now);
    }

    fn read(&self) -> RwLockReadGuard<'_, Lists> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Lists> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
