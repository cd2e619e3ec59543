use async_graphql::ID;

use crate::id::{Id, Kind};

use super::ApiError;

/// The node id of a thing.
#[must_use]
pub fn node_id<K: Kind>(id: Id<K>) -> ID {
    ID(id.to_string())
}

/// The identifier of the kind that an argument must hold.
///
/// # Errors
/// `BAD_USER_INPUT` where it holds something else.
pub fn expect_id<K: Kind>(id: &ID, argument: &str) -> Result<Id<K>, ApiError> {
    id.parse().map_err(|_| {
        ApiError::bad_user_input(format!("{argument} must be an id that starts with {}_.", K::PREFIX))
    })
}
