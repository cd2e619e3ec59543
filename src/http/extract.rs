use std::{convert::Infallible, sync::Arc};

use async_graphql::ServerError;
use axum::{
    Json,
    extract::{FromRef, FromRequestParts},
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::Authenticator;
use crate::{
    graphql::{ApiError, TokenCheck},
    tokens::{Caller, Claims, TokenError},
};

/// Extracts the caller in any axum handler whose state has an [`Authenticator`]. Never rejects: without a valid token
/// the caller is anonymous, with the reason.
impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Authenticator: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Authenticator::from_ref(state).authenticate(&parts.headers).await)
    }
}

/// Extracts the check that guards repeat while the request is executed. Without a token it always fails, and changes
/// nothing: the [`Caller`] is anonymous already.
impl<S: Send + Sync> FromRequestParts<S> for TokenCheck
where
    Authenticator: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let authenticator = Authenticator::from_ref(state);
        let caller = authenticator.authenticate(&parts.headers).await;
        Ok(authenticator.check_of(caller))
    }
}

/// Extracts the claims of a valid access token, in any axum handler whose state has an [`Authenticator`]. A request
/// without one is rejected with 401, as RFC 6750 §3 requires, and the handler is not called.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use portcullis::{Portcullis, RequiredClaims, TokenRejection, testing::TestServer};
///
/// async fn notes(RequiredClaims(claims): RequiredClaims) -> Result<String, TokenRejection> {
///     claims.require_scope("notes:read")?;
///     Ok(format!("the notes of {}", claims.username))
/// }
///
/// let routes = Router::new().route("/notes", get(notes));
/// let server = TestServer::start(Portcullis::builder().routes(routes)).await;
/// let ada = server.sign_in("ada", &[]).await;
///
/// let client = reqwest::Client::new();
/// let response = client.get(server.url("/notes")).send().await?;
/// assert_eq!(response.status(), 401);
/// let response = client.get(server.url("/notes")).bearer_auth(&ada.access_token).send().await?;
/// assert_eq!(response.status(), 403);
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredClaims(pub Arc<Claims>);

impl<S: Send + Sync> FromRequestParts<S> for RequiredClaims
where
    Authenticator: FromRef<S>,
{
    type Rejection = TokenRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, TokenRejection> {
        match Authenticator::from_ref(state).authenticate(&parts.headers).await {
            Caller::Authenticated(claims) => Ok(Self(claims)),
            Caller::Anonymous(error) => Err(TokenRejection::Token(error)),
        }
    }
}

/// A request that is rejected because of its access token: a response with the header WWW-Authenticate (RFC 6750 §3)
/// and an error in the shape of GraphQL errors.
///
/// ```
/// use axum::response::IntoResponse;
/// use portcullis::TokenRejection;
///
/// let response = TokenRejection::InsufficientScope("notes:read").into_response();
/// assert_eq!(response.status(), 403);
/// assert!(response.headers().contains_key("www-authenticate"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRejection {
    /// The request has no valid token: status 401. While tokens cannot be verified the status is 503.
    #[error("{}", .0.message())]
    Token(TokenError),
    /// The token lacks a scope: status 403.
    #[error("The access token lacks the scope {0}.")]
    InsufficientScope(&'static str),
}

impl Claims {
    /// Checks that the token has a scope. `claims.require_scope("notes:read")?` in a handler responds with 403 if not.
    ///
    /// # Errors
    /// [`TokenRejection::InsufficientScope`].
    pub fn require_scope(&self, scope: &'static str) -> Result<(), TokenRejection> {
        if self.scope.contains(scope) { Ok(()) } else { Err(TokenRejection::InsufficientScope(scope)) }
    }
}

impl TokenRejection {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Token(TokenError::Unverifiable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
        }
    }

    /// The challenge. A request without a token gets no error code, because it may not know that it needs one
    /// (RFC 6750 §3.1).
    fn challenge(&self) -> Option<String> {
        let error =
            |code: &str| format!(r#"Bearer realm="{REALM}", error="{code}", error_description="{self}""#);
        match self {
            Self::Token(TokenError::Unverifiable) => None,
            Self::Token(TokenError::Missing) => Some(format!(r#"Bearer realm="{REALM}""#)),
            Self::Token(_) => Some(error("invalid_token")),
            Self::InsufficientScope(scope) => {
                Some(format!(r#"{}, scope="{scope}""#, error("insufficient_scope")))
            }
        }
    }

    fn error(&self) -> ApiError {
        match self {
            Self::Token(error) => ApiError::unauthenticated(*error),
            Self::InsufficientScope(scope) => ApiError::forbidden(&[&[scope]]),
        }
    }
}

/// The protection space of the challenge: all resources that take access tokens (RFC 9110 §11.5).
const REALM: &str = "access tokens";

impl IntoResponse for TokenRejection {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            errors: [ServerError; 1],
        }
        let error = self.error();
        let retry_after = error.retry_after_seconds();
        let mut response = (self.status(), Json(Body { errors: [error.into()] })).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
