use axum::http::StatusCode;

use crate::graphql::ApiError;

/// An error that rejects a request before it is executed, and the status of the response.
pub(crate) struct RequestError(pub(crate) StatusCode, pub(crate) ApiError);
