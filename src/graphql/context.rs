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
/// # Errors
/// `UNAUTHENTICATED`, with the reason. Also for a token of another provider, which names no account of Portcullis.
pub fn user_id(ctx: &Context<'_>) -> Result<UserId, ApiError> {
    let account = claims(ctx)?.account();
    account.map(|account| account.user).ok_or_else(|| ApiError::unauthenticated(TokenError::Invalid))
}

/// The account and the session of the caller of this server, for resolvers of guarded fields.
///
/// # Errors
/// `UNAUTHENTICATED`, with the reason.
#[cfg(feature = "server")]
pub(crate) fn account_and_session(ctx: &Context<'_>) -> Result<(UserId, SessionId), ApiError> {
    let caller = caller(ctx);
    let ids = caller.user().zip(caller.session());
    let reason = || if let Caller::Anonymous(error) = caller { *error } else { TokenError::Invalid };
    ids.ok_or_else(|| ApiError::unauthenticated(reason()))
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
