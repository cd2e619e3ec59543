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
/// # Errors
/// `BAD_USER_INPUT` if the argument is anything else.
pub fn parse_id<K: Kind>(id: &ID, argument: &str) -> Result<Id<K>, ApiError> {
    id.parse().map_err(|_| {
        ApiError::bad_user_input(format!("{argument} must be an id that starts with {}_.", K::PREFIX))
    })
}
