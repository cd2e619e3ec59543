use async_graphql::ID;

use super::ApiError;
use crate::id::{Id, Kind};

/// The global id of an object (Relay's Global Object Identification Specification).
#[must_use]
pub fn node_id<K: Kind>(id: Id<K>) -> ID {
    ID(id.to_string())
}

/// Parses an argument as an identifier of this kind.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Clock, graphql::{node_id, parse_id}, id::UserId};
///
/// let user = UserId::generate(&Clock::system());
/// let id = node_id(user);
/// assert_eq!(parse_id(&id, "userId"), Ok(user));
/// assert!(parse_id::<portcullis::id::SessionKind>(&id, "sessionId").is_err());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// `BAD_USER_INPUT` if the argument is anything else.
pub fn parse_id<K: Kind>(id: &ID, argument: &str) -> Result<Id<K>, ApiError> {
    id.parse().map_err(|_| {
        ApiError::bad_user_input(format!("{argument} must be an id that starts with {}_.", K::PREFIX))
    })
}
