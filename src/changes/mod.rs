//! The change feed: what one replica does and every replica must know, and the list of void tokens
//! that it fills.
//!
//! Whoever ends a session or changes what an access token says hands the [`Change`] to [`ChangeFeed::commit`]
//! with the transaction that does it. All replicas read the feed; applying a change twice does nothing. To tell of something new: a variant, its row in `store.rs`, and an observer.

#[cfg(feature = "server")]
mod feed;
mod revocations;
#[cfg(feature = "server")]
mod store;

#[cfg(feature = "server")]
pub use self::feed::ChangeFeed;
pub use self::revocations::RevocationList;
use crate::id::{SessionId, UserId};

/// Something that every replica must hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A session is over; its access tokens are void.
    SessionEnded(SessionId),
    /// What an account's access tokens say is no longer so; those of an earlier token version are void.
    TokensRevoked {
        /// The account.
        user: UserId,
        /// The minimum token version that is still valid.
        token_version: i64,
    },
    /// Something of an account changed that no token tells.
    AccountUpdated(UserId),
    /// The signing keys changed.
    KeysChanged,
}

impl Change {
    /// The account that it concerns, when it is one.
    #[must_use]
    pub fn account(&self) -> Option<UserId> {
        match self {
            Self::TokensRevoked { user, .. } | Self::AccountUpdated(user) => Some(*user),
            Self::SessionEnded(_) | Self::KeysChanged => None,
        }
    }
}
