use async_graphql::Context;

use crate::{
    client::ClientInfo,
    graphql::{TokenCheck, initial_claims},
    id::UserId,
    tokens::Claims,
};

/// The actor of an operation: the server, a client or the bearer of a token.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// The server itself, or an operator at its command line.
    Server,
    /// A client that has just signed in, or an anonymous one.
    Client {
        /// The address and the User-Agent header of the client.
        client: &'a ClientInfo,
        /// The account that has signed in.
        user: Option<UserId>,
    },
    /// The bearer of an access token.
    Bearer {
        /// The address and the User-Agent header of the client.
        client: &'a ClientInfo,
        /// The claims of the token, which was valid when the request began.
        claims: &'a Claims,
        /// The check whether the token is still valid.
        token: Option<&'a TokenCheck>,
    },
}

impl<'a> Actor<'a> {
    /// The sender of the current request. Its token may have been revoked since the request began; a
    /// transaction that writes for it must check that.
    ///
    /// # Panics
    /// Where no [`ClientInfo`] is in the context; the router puts one there.
    #[must_use]
    pub fn of(ctx: &'a Context<'_>) -> Self {
        let client = ctx.data_unchecked::<ClientInfo>();
        match initial_claims(ctx) {
            Some(claims) => Self::Bearer { client, claims, token: ctx.data_opt::<TokenCheck>() },
            None => Self::anonymous(client),
        }
    }

    /// A client that is not signed in.
    #[must_use]
    pub const fn anonymous(client: &'a ClientInfo) -> Self {
        Self::Client { client, user: None }
    }

    /// The account that is signed in.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Server => None,
            Self::Client { user, .. } => *user,
            Self::Bearer { claims, .. } => claims.account().map(|token| token.user),
        }
    }

    /// The client. `None` for the server itself.
    #[must_use]
    pub const fn client(&self) -> Option<&'a ClientInfo> {
        match self {
            Self::Server => None,
            Self::Client { client, .. } | Self::Bearer { client, .. } => Some(client),
        }
    }
}
