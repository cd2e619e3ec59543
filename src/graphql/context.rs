use async_graphql::Context;
use secrecy::SecretString;

use super::TokenCheck;
#[cfg(feature = "server")]
use crate::tokens::Claims;
use crate::{
    id::SessionId,
    tokens::{Caller, TokenError},
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
