//! Sessions in the schema.

use std::collections::HashSet;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use axum::http::header::SET_COOKIE;
use secrecy::{ExposeSecret, SecretString};

use super::{RefreshError, Session, Sessions, SignedIn};
use crate::{
    accounts::graphql::{User, load_user},
    audit::{Actor, AuditAction},
    graphql::{
        Client, DateTime, ExpiredSession, Failure, List, RefreshCookie, UserError, UserErrorCode, caller,
        expect_id, guarded, node_id,
    },
    http::refresh_cookie,
    id::{SessionId, UserId},
    tokens::{Caller, Rejection},
};

/// One sign-in on one device.
#[derive(Clone)]
pub struct UserSession {
    session: Session,
    viewer: Caller,
}

impl UserSession {
    /// A session as somebody sees it.
    #[must_use]
    pub fn new(session: Session, viewer: Caller) -> Self {
        Self { session, viewer }
    }

    /// The session of this id, when the caller may see it: their own, or any with `sessions:read`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn visible(ctx: &Context<'_>, id: SessionId) -> Result<Option<Self>, Failure> {
        let viewer = caller(ctx);
        if viewer.claims().is_none() {
            return Ok(None);
        }
        let session = ctx.data_unchecked::<Sessions>().find(id).await?;
        let may =
            |session: &Session| viewer.user() == Some(session.user) || viewer.has_scope("sessions:read");
        Ok(session.filter(may).map(|session| Self::new(session, viewer)))
    }
}

/// One sign-in on one device.
#[Object(name = "Session")]
impl UserSession {
    /// The session's id, the same string as the `sid` claim.
    pub async fn id(&self) -> ID {
        node_id(self.session.id)
    }

    /// Who signed in.
    async fn user(&self, ctx: &Context<'_>) -> Result<User, Failure> {
        let user = load_user(ctx, self.session.user, &self.viewer).await?;
        // It can only have been deleted since the session was read.
        user.ok_or_else(|| Failure::bad_input("The account of this session is being deleted."))
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime(self.session.created_at)
    }

    /// The sign-in or the last refresh.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.session.last_used_at)
    }

    /// When the session is over unless it is refreshed before.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.session.expires_at)
    }

    /// The User-Agent header of the last use.
    async fn user_agent(&self) -> Option<&str> {
        self.session.user_agent.as_deref()
    }

    /// The client's address at the last use.
    async fn ip_address(&self) -> Option<&str> {
        self.session.ip_address.as_deref()
    }

    /// Whether this is the session of the token that asks.
    async fn current(&self) -> bool {
        self.viewer.session() == Some(self.session.id)
    }
}

/// A list of sessions.
pub type SessionList = List<UserSession, SessionCount>;

/// What a list of sessions has besides its page.
pub struct SessionCount(pub UserId);

#[Object]
impl SessionCount {
    /// How many sessions the whole list has.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, Failure> {
        let count = ctx.data_unchecked::<Sessions>().count(self.0).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// How the refresh token reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TokenDelivery {
    /// In the payload, beside the access token.
    Body,
    /// As an HttpOnly, Secure, SameSite=Strict cookie that scripts cannot read. The access token is in the
    /// payload.
    Cookie,
}

/// The answer of every way to sign in: either `errors` is empty and the tokens are there, or the tokens are
/// null. Inside it you count as the account that just signed in.
#[derive(SimpleObject)]
pub struct AuthPayload {
    /// The JWT for the Authorization header.
    access_token: Option<String>,
    /// The token for the next refresh. Each is good for one; keep the newest. Null with cookie delivery.
    refresh_token: Option<String>,
    /// How many seconds the access token still lives.
    expires_in: Option<i32>,
    /// Who signed in.
    user: Option<User>,
    /// The session that was opened or goes on.
    session: Option<UserSession>,
    /// What was wrong; empty when all went well.
    errors: Vec<UserError>,
}

impl AuthPayload {
    /// Hands the tokens over.
    pub fn done(ctx: &Context<'_>, signed_in: SignedIn, delivery: TokenDelivery) -> Self {
        let SignedIn { account, session, tokens, caller } = signed_in;
        let refresh_token = match delivery {
            TokenDelivery::Body => Some(tokens.refresh.expose_secret().to_owned()),
            TokenDelivery::Cookie => {
                let cookie = refresh_cookie(Some((&tokens.refresh, tokens.refresh_lives)));
                ctx.append_http_header(SET_COOKIE, cookie);
                None
            }
        };
        Self {
            access_token: Some(tokens.access.expose_secret().to_owned()),
            refresh_token,
            expires_in: Some(i32::try_from(tokens.access_lives.as_secs()).unwrap_or(i32::MAX)),
            user: Some(User::new(account, caller.clone())),
            session: Some(UserSession::new(session, caller)),
            errors: Vec::new(),
        }
    }

    /// Something was wrong.
    #[must_use]
    pub fn failed(errors: Vec<UserError>) -> Self {
        Self { access_token: None, refresh_token: None, expires_in: None, user: None, session: None, errors }
    }
}

/// Which refresh token. Left out with cookie delivery.
#[derive(Default, InputObject)]
pub struct RefreshInput {
    /// The newest refresh token of the session.
    refresh_token: Option<SecretString>,
}

/// Which session to end, where the access token is already gone.
#[derive(Default, InputObject)]
pub struct LogoutInput {
    /// A refresh token of the session. Left out with cookie delivery.
    refresh_token: Option<SecretString>,
}

/// Which session.
#[derive(InputObject)]
pub struct RevokeSessionInput {
    /// The session's id.
    id: ID,
}

/// A sign-out.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// What was wrong; empty when all went well.
    errors: Vec<UserError>,
}

/// A session that was ended.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session as it was; null when there are errors.
    session: Option<UserSession>,
    /// What was wrong; empty when all went well.
    errors: Vec<UserError>,
}

/// Sessions that were ended.
#[derive(SimpleObject)]
pub struct RevokeSessionsPayload {
    /// How many.
    pub revoked_count: i32,
    /// What was wrong; empty when all went well.
    pub errors: Vec<UserError>,
}

impl RevokeSessionsPayload {
    /// So many were ended.
    #[must_use]
    pub fn done(count: usize) -> Self {
        Self { revoked_count: i32::try_from(count).unwrap_or(i32::MAX), errors: Vec::new() }
    }
}

/// The queries about sessions.
#[derive(Default)]
pub struct SessionsQuery;

#[guarded]
#[Object]
impl SessionsQuery {
    /// Your own session, the one that your access token belongs to.
    #[authenticated]
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<UserSession>, Failure> {
        match caller(ctx).session() {
            Some(id) => UserSession::visible(ctx, id).await,
            None => Ok(None),
        }
    }
}

/// The mutations of sessions.
#[derive(Default)]
pub struct SessionsMutation;

#[guarded]
#[Object]
impl SessionsMutation {
    /// Gives new tokens for a refresh token, from the input or else from the cookie. The old refresh token
    /// is used up; using it once more, after a few seconds in which a lost answer may be asked for again,
    /// ends the session, for then somebody has a copy.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token; left out with cookie delivery.")] input: Option<RefreshInput>,
    ) -> Result<AuthPayload, Failure> {
        let cookie = ctx.data_opt::<RefreshCookie>().cloned().unwrap_or_default();
        let given = input.unwrap_or_default().refresh_token;
        let delivery = if given.is_some() { TokenDelivery::Body } else { TokenDelivery::Cookie };
        let refreshed = match given.or(cookie.0) {
            Some(token) => {
                ctx.data_unchecked::<Sessions>().refresh(&token, ctx.data_unchecked::<Client>()).await
            }
            None => Err(RefreshError::Invalid),
        };
        match refreshed {
            Ok(signed_in) => Ok(AuthPayload::done(ctx, signed_in, delivery)),
            Err(RefreshError::Invalid) => Ok(AuthPayload::failed(vec![invalid_refresh_token()])),
            Err(RefreshError::Keyring(error)) => Err(Failure::internal(&error)),
            Err(RefreshError::Database(error)) => Err(error.into()),
        }
    }

    /// Signs out: ends the session of the access token, expired or not, or of the refresh token (from the
    /// input or the cookie) where the access token is already gone. A session that is over already is no
    /// error.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A refresh token, where the access token is already gone.")] input: Option<
            LogoutInput,
        >,
    ) -> Result<LogoutPayload, Failure> {
        let sessions = ctx.data_unchecked::<Sessions>();
        let viewer = caller(ctx);
        let cookie = ctx.data_opt::<RefreshCookie>().cloned().unwrap_or_default();
        if cookie.0.is_some() {
            ctx.append_http_header(SET_COOKIE, refresh_cookie(None));
        }
        let token = input.unwrap_or_default().refresh_token.or(cookie.0);
        let by_token = token.as_ref().and_then(|token| sessions.session_of(token));
        let by_bearer = viewer.session().or(ctx.data_opt::<ExpiredSession>().and_then(|expired| expired.0));
        // Who names a session that we do not know must not believe that it is over.
        let is_unknown =
            token.is_some() || matches!(viewer, Caller::Anonymous(Rejection::Malformed | Rejection::Invalid));
        if is_unknown && by_token.is_none() && by_bearer.is_none() {
            return Ok(LogoutPayload { errors: vec![invalid_refresh_token()] });
        }
        let actor = Actor { user: viewer.user(), client: ctx.data_opt::<Client>() };
        // They are one, but for who has mixed up two sign-ins and means to end both.
        for session in HashSet::from([by_bearer, by_token]).into_iter().flatten() {
            sessions.end(session, AuditAction::Logout, actor).await?;
        }
        Ok(LogoutPayload { errors: Vec::new() })
    }

    /// Ends one of your sessions; with the scope sessions:write, anybody's.
    #[authenticated]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RevokeSessionInput,
    ) -> Result<Option<SessionPayload>, Failure> {
        let id = expect_id(&input.id, "input.id")?;
        let viewer = caller(ctx);
        let sessions = ctx.data_unchecked::<Sessions>();
        let may =
            |session: &Session| viewer.user() == Some(session.user) || viewer.has_scope("sessions:write");
        let found = sessions.find(id).await?.filter(may);
        let actor = Actor { user: viewer.user(), client: ctx.data_opt::<Client>() };
        let ended = match found {
            Some(session) => sessions.end(session.id, AuditAction::SessionRevoked, actor).await?,
            None => None,
        };
        Ok(Some(match ended {
            Some(session) => {
                SessionPayload { session: Some(UserSession::new(session, viewer)), errors: Vec::new() }
            }
            None => {
                let message = "There is no such session, or it is not yours.";
                let error = UserError::of_field(UserErrorCode::NotFound, "id", message);
                SessionPayload { session: None, errors: vec![error] }
            }
        }))
    }

    /// Ends all your sessions but the one that asks.
    #[authenticated]
    async fn revoke_other_sessions(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<RevokeSessionsPayload>, Failure> {
        let viewer = caller(ctx);
        let Some(user) = viewer.user() else { return Ok(None) };
        let actor = Actor { user: Some(user), client: ctx.data_opt::<Client>() };
        let count = ctx.data_unchecked::<Sessions>().end_all_now(user, viewer.session(), actor).await?;
        Ok(Some(RevokeSessionsPayload::done(count)))
    }
}

fn invalid_refresh_token() -> UserError {
    let message = "The session is over. Sign in again.";
    UserError::of_field(UserErrorCode::InvalidRefreshToken, "refreshToken", message)
}
