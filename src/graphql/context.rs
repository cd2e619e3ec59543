use std::sync::Arc;

use async_graphql::Context;
use secrecy::SecretString;

use super::{ApiError, TokenCheck};
use crate::{
    id::{SessionId, UserId},
    tokens::{Caller, Claims, TokenError},
};

/// The refresh token that a browser sent as a cookie.
#[derive(Clone, Debug, Default)]
pub struct RefreshCookie(pub Option<SecretString>);

/// The token of a trusted device that a browser sent as a cookie.
#[derive(Clone, Debug)]
pub struct DeviceCookie(pub SecretString);

/// The transport of a request. Without it in the context, the transport is HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// An HTTP request. Its response can set cookies.
    Http,
    /// An operation on a WebSocket. It has no response headers, so it cannot set cookies.
    WebSocket,
}

/// The id of the last event that the client received before it lost the stream, from the header `Last-Event-ID`.
#[derive(Clone, Debug)]
pub struct LastEventId(pub String);

/// The session of an access token that has expired or was revoked. The token grants no access, but its bearer may end the
/// session.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpiredSession(pub Option<SessionId>);

/// The caller as of now. A caller whose token has expired or was revoked since the request began is anonymous,
/// if the context has a [`TokenCheck`]. Without a [`Caller`] in the context, the caller is that of the [`TokenCheck`].
/// Without both the caller is anonymous.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{Context, Object};
/// use portcullis::{Portcullis, caller, testing::TestServer};
/// use serde_json::json;
///
/// struct Greetings;
///
/// #[Object]
/// impl Greetings {
///     /// A greeting by name, or for everybody.
///     async fn greeting(&self, ctx: &Context<'_>) -> String {
///         format!("Hello {}", caller(ctx).claims().map_or("world", |claims| &claims.username))
///     }
/// }
///
/// let server = TestServer::start(Portcullis::builder().query(Greetings)).await;
/// let ada = server.sign_in("ada", &[]).await;
/// let response = server.graphql(None, "{ greeting }", json!({})).await;
/// assert_eq!(response["data"]["greeting"], "Hello world");
/// let response = server.graphql(Some(&ada), "{ greeting }", json!({})).await;
/// assert_eq!(response["data"]["greeting"], "Hello ada");
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[must_use]
pub fn caller<'a>(ctx: &'a Context<'_>) -> &'a Caller {
    let caller = ctx.data_opt::<Caller>();
    match caller.or_else(|| ctx.data_opt::<TokenCheck>().map(TokenCheck::caller)) {
        Some(caller @ Caller::Authenticated(_)) => {
            match ctx.data_opt::<TokenCheck>().map(TokenCheck::check) {
                Some(Err(error)) => anonymous(error),
                Some(Ok(())) | None => caller,
            }
        }
        Some(caller @ Caller::Anonymous(_)) => caller,
        None => anonymous(TokenError::Missing),
    }
}

/// The claims of the caller's token, which is valid now. For resolvers of guarded fields: there they are missing only if
/// the token has expired or was revoked since the guard checked it.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{Context, Object, Result};
/// use portcullis::{Portcullis, claims, guarded, testing::TestServer};
/// use serde_json::json;
///
/// struct Tokens;
///
/// #[guarded]
/// #[Object]
/// impl Tokens {
///     /// The roles of the caller.
///     #[authenticated]
///     async fn own_roles(&self, ctx: &Context<'_>) -> Result<Option<Vec<String>>> {
///         Ok(Some(claims(ctx)?.roles.clone()))
///     }
/// }
///
/// let server = TestServer::start(Portcullis::builder().query(Tokens)).await;
/// let root = server.sign_in("root", &["admin"]).await;
/// let response = server.graphql(Some(&root), "{ ownRoles }", json!({})).await;
/// assert_eq!(response["data"]["ownRoles"], json!(["admin", "user"]));
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// `UNAUTHENTICATED`, with the reason.
pub fn claims<'a>(ctx: &'a Context<'_>) -> Result<&'a Arc<Claims>, ApiError> {
    match caller(ctx) {
        Caller::Authenticated(claims) => Ok(claims),
        Caller::Anonymous(error) => Err(ApiError::unauthenticated(*error)),
    }
}

/// The account of the caller, for resolvers of guarded fields.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{Context, ID, Object, Result};
/// use portcullis::{Portcullis, graphql::node_id, guarded, testing::TestServer, user_id};
/// use serde_json::json;
///
/// struct Accounts;
///
/// #[guarded]
/// #[Object]
/// impl Accounts {
///     /// The account of the caller.
///     #[authenticated]
///     async fn own_account(&self, ctx: &Context<'_>) -> Result<Option<ID>> {
///         Ok(Some(node_id(user_id(ctx)?)))
///     }
/// }
///
/// let server = TestServer::start(Portcullis::builder().query(Accounts)).await;
/// let ada = server.sign_in("ada", &[]).await;
/// let response = server.graphql(Some(&ada), "{ ownAccount }", json!({})).await;
/// assert_eq!(response["data"]["ownAccount"], ada.id.to_string());
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// `UNAUTHENTICATED`, with the reason. Also for a token of another provider, which names no account of Portcullis.
pub fn user_id(ctx: &Context<'_>) -> Result<UserId, ApiError> {
    let account = claims(ctx)?.account();
    account.map(|account| account.user).ok_or_else(|| ApiError::unauthenticated(TokenError::Invalid))
}

/// The account and the session of the caller of this server, for resolvers of guarded fields.
///
/// # Errors
/// `UNAUTHENTICATED`, with the reason, or `FORBIDDEN` with the reason `SESSION_REQUIRED` for a personal access token.
#[cfg(feature = "server")]
pub(crate) fn account_and_session(ctx: &Context<'_>) -> Result<(UserId, SessionId), ApiError> {
    let account = claims(ctx)?.account().ok_or_else(|| ApiError::unauthenticated(TokenError::Invalid))?;
    let session = account.session().ok_or_else(ApiError::session_required)?;
    Ok((account.user, session))
}

/// The anonymous caller for a reason, as a constant.
const fn anonymous(error: TokenError) -> &'static Caller {
    match error {
        TokenError::Missing => &Caller::Anonymous(TokenError::Missing),
        TokenError::Malformed => &Caller::Anonymous(TokenError::Malformed),
        TokenError::Expired => &Caller::Anonymous(TokenError::Expired),
        TokenError::Invalid => &Caller::Anonymous(TokenError::Invalid),
        TokenError::Revoked => &Caller::Anonymous(TokenError::Revoked),
        TokenError::Unverifiable => &Caller::Anonymous(TokenError::Unverifiable),
    }
}

/// The claims with which the request began, whether or not the token is still valid.
#[cfg(feature = "server")]
pub(crate) fn initial_claims<'a>(ctx: &'a Context<'_>) -> Option<&'a Claims> {
    ctx.data_opt::<Caller>().and_then(Caller::claims)
}
