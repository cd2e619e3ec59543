//! The change feed, through which replicas invalidate each other's caches, and the list of revoked access tokens.
//!
//! Code that ends a session or changes the content of access tokens passes a [`Change`] and its transaction to
//! [`ChangeFeed::commit`]. All replicas read the feed. Applying a change twice has no effect.
//!
//! To publish a new kind of change, add a variant to [`Change`], its row in `store.rs`, and an observer.

#[cfg(feature = "server")]
mod feed;
mod revocations;
#[cfg(feature = "server")]
mod store;

#[cfg(feature = "server")]
pub use self::feed::ChangeFeed;
pub use self::revocations::RevocationList;
use crate::id::{PersonalAccessTokenId, SessionId, UserId};

/// A change that every replica must apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A session has ended. Its access tokens are revoked.
    SessionEnded(SessionId),
    /// A personal access token was revoked, and with it the access tokens for which it was exchanged.
    PersonalAccessTokenRevoked(PersonalAccessTokenId),
    /// The access tokens of an account with an earlier token version are revoked, because their content is outdated.
    TokensRevoked {
        /// The account.
        user: UserId,
        /// The first token version that is accepted.
        token_version: i64,
    },
    /// An account has changed, but nothing that its access tokens contain.
    AccountUpdated(UserId),
    /// The signing keys have changed.
    KeysChanged,
}

impl Change {
    /// The account that has changed. `None` if the change does not concern one account.
    #[must_use]
    pub fn account(&self) -> Option<UserId> {
        match self {
            Self::TokensRevoked { user, .. } | Self::AccountUpdated(user) => Some(*user),
            Self::SessionEnded(_) | Self::PersonalAccessTokenRevoked(_) | Self::KeysChanged => None,
        }
    }
}
