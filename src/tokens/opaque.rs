use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Claims, TokenError};

/// The opaque bearer tokens of a server. They are no JWTs, and are looked up where they were stored.
pub(crate) trait OpaqueTokens: Send + Sync {
    /// Whether a bearer token is meant as one of them, valid or not.
    fn is_meant_by(&self, token: &str) -> bool;

    /// Authenticates a bearer token. [`Claims::is_opaque`] is set in its claims.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Claims>, TokenError>>;
}
