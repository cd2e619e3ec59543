//! The GraphQL fields of sessions.

mod auth;
mod session;

use std::{collections::HashSet, time::Duration};

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::SecretString;

pub use self::{
    auth::{AuthPayload, LoginChallenge, TokenDelivery, TotpEnrolment, clear_refresh_cookie},
    session::{SessionConnectionFields, SessionList, UserSession},
};
use super::{RefreshError, Session, Sessions};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction},
    client::ClientInfo,
    graphql::{
        ApiError, ErrorCode, ExpiredSession, RefreshCookie, UserError, UserErrorCode, account_and_session,
        caller, guarded, initial_claims, parse_id,
    },
    tokens::{Caller, Claims, KeyringError, TokenError},
};

/// The wait for a client that has repeated a refresh too often. By then the newest token is in the cookie
/// that its tabs share.
const REPEATED_TOO_OFTEN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The input of the `refresh` mutation. Omit it with cookie delivery.
#[derive(Default, InputObject)]
pub struct RefreshInput {
    /// The newest refresh token of the session. Omit it with cookie delivery.
    refresh_token: Option<SecretString>,
}

/// The input of the `logout` mutation, for a client that no longer has an access token.
#[derive(Default, InputObject)]
pub struct LogoutInput {
    /// A refresh token of the session to end. Omit it with cookie delivery.
    refresh_token: Option<SecretString>,
}

/// The input of the `revokeSession` mutation.
#[derive(InputObject)]
pub struct RevokeSessionInput {
    /// The ID of the session to revoke.
    id: ID,
}

/// The payload of the `logout` mutation.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The payload of the `revokeSession` mutation.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session that was revoked. Null if there are errors.
    session: Option<UserSession>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The payload of the mutations that revoke several sessions.
#[derive(SimpleObject)]
pub struct RevokeSessionsPayload {
    /// The number of sessions that were revoked.
    pub revoked_count: i32,
    /// The errors that made the mutation fail. Empty if it succeeded.
    pub errors: Vec<UserError>,
}

impl RevokeSessionsPayload {
    /// The payload of a mutation that revoked this many sessions.
    #[must_use]
    pub fn success(count: usize) -> Self {
        Self { revoked_count: i32::try_from(count).unwrap_or(i32::MAX), errors: Vec::new() }
    }
}

/// The queries about sessions.
#[derive(Default)]
pub struct SessionsQuery;

#[guarded]
#[Object]
impl SessionsQuery {
    /// Your current session, to which your access token belongs.
    #[authenticated]
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<UserSession>, ApiError> {
        UserSession::visible(ctx, account_and_session(ctx)?.1).await
    }
}

/// The mutations of sessions.
#[derive(Default)]
pub struct SessionsMutation;

#[guarded]
#[Object]
impl SessionsMutation {
    /// Exchanges a refresh token from the input, or otherwise from the cookie, for new tokens. Each refresh
    /// token can be used once. Within the grace period (10 s by default) a client that lost the response may
    /// repeat the refresh up to twice and receives the same new refresh token; a further repetition fails
    /// with `RATE_LIMITED`. Using the token later, or with another User-Agent header, is treated as theft and
    /// revokes the session.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token. Omit it with cookie delivery.")] input: Option<RefreshInput>,
    ) -> Result<AuthPayload, ApiError> {
        let cookie = ctx.data_opt::<RefreshCookie>().cloned().unwrap_or_default();
        let given = input.unwrap_or_default().refresh_token;
        let delivery = if given.is_some() { TokenDelivery::Body } else { TokenDelivery::Cookie };
        let sessions = ctx.data_unchecked::<Sessions>();
        let token = given.or(cookie.0);
        let session = token.as_ref().and_then(|token| sessions.session_of(token));
        if let Some(retry_after) = session.and_then(|session| sessions.refreshes.retry_after(session)) {
            return Ok(AuthPayload::failure(vec![UserError::rate_limited(retry_after)]));
        }
        let refreshed = match token {
            Some(token) => sessions.refresh(&token, ctx.data_unchecked::<ClientInfo>()).await,
            None => Err(RefreshError::Invalid),
        };
        match refreshed {
            Ok(signed_in) => {
                sessions.refreshes.count(signed_in.session.id, signed_in.session.user);
                AuthPayload::success(ctx, signed_in, delivery)
            }
            Err(RefreshError::Invalid) => Ok(AuthPayload::failure(vec![invalid_refresh_token()])),
            Err(RefreshError::RepeatedTooOften) => Err(ApiError::rate_limited(
                "This refresh token was repeated too often. Use the newest one.",
                REPEATED_TOO_OFTEN_RETRY_AFTER,
            )),
            Err(RefreshError::Keyring(error)) => Err(signing_error(&error)),
            Err(RefreshError::Hook(error)) => Err(ApiError::internal(&error)),
            Err(RefreshError::Database(error)) => Err(error.into()),
        }
    }

    /// Signs you out. Ends the session of the access token, even if the token has expired, and the session of
    /// the refresh token from the input or the cookie. A session that has already ended is not an error.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A refresh token, if you no longer have an access token.")] input: Option<
            LogoutInput,
        >,
    ) -> Result<LogoutPayload, ApiError> {
        let sessions = ctx.data_unchecked::<Sessions>();
        // A token that was revoked since the request began still names its session.
        let claims = initial_claims(ctx);
        let cookie = ctx.data_opt::<RefreshCookie>().cloned().unwrap_or_default();
        clear_refresh_cookie(ctx)?;
        let token = input.unwrap_or_default().refresh_token.or(cookie.0);
        let by_token = token.as_ref().and_then(|token| sessions.session_of(token));
        let by_bearer = claims
            .and_then(Claims::account)
            .and_then(|token| token.session())
            .or(ctx.data_opt::<ExpiredSession>().and_then(|expired| expired.0));
        // A client that names an unknown session must not believe that it has ended.
        let is_unknown = token.is_some() || *caller(ctx) != Caller::Anonymous(TokenError::Missing);
        if is_unknown && by_token.is_none() && by_bearer.is_none() {
            return Ok(LogoutPayload { errors: vec![invalid_refresh_token()] });
        }
        // Both are the same session, unless the client has mixed up two sign-ins. It then wants to end both.
        for session in HashSet::from([by_bearer, by_token]).into_iter().flatten() {
            sessions.revoke(session, AuditAction::Logout, Actor::of(ctx)).await?;
        }
        Ok(LogoutPayload { errors: Vec::new() })
    }

    /// Revokes one of your sessions, or any session if your token has the scope sessions:write.
    #[authenticated]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session to revoke.")] input: RevokeSessionInput,
    ) -> Result<Option<SessionPayload>, ApiError> {
        account_and_session(ctx)?;
        let id = parse_id(&input.id, "input.id")?;
        let viewer = caller(ctx);
        let sessions = ctx.data_unchecked::<Sessions>();
        let may =
            |session: &Session| viewer.user() == Some(session.user) || viewer.has_scope("sessions:write");
        let found = sessions.find(id).await?.filter(may);
        let ended = match found {
            Some(session) => sessions.revoke_for(session.id, Actor::of(ctx)).await.map_err(to_api_error)?,
            None => None,
        };
        Ok(Some(match ended {
            Some(session) => SessionPayload {
                session: Some(UserSession::new(session, viewer.clone())),
                errors: Vec::new(),
            },
            None => {
                let message = "The session does not exist or is not yours.";
                let error = UserError::of_field(UserErrorCode::NotFound, "id", message);
                SessionPayload { session: None, errors: vec![error] }
            }
        }))
    }

    /// Revokes all your sessions except the current one.
    #[authenticated]
    async fn revoke_other_sessions(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<RevokeSessionsPayload>, ApiError> {
        let (user, session) = account_and_session(ctx)?;
        let sessions = ctx.data_unchecked::<Sessions>();
        let revoked = sessions.revoke_all(user, Some(session), Actor::of(ctx)).await;
        let count = revoked.map_err(to_api_error)?;
        Ok(Some(RevokeSessionsPayload::success(count)))
    }
}

/// Converts the error of a revocation, on which the user cannot act.
fn to_api_error(error: AccountError) -> ApiError {
    match error {
        AccountError::Unauthenticated(rejection) => ApiError::unauthenticated(rejection),
        // The account of the caller was deleted in the meantime.
        AccountError::NotFound => ApiError::unauthenticated(TokenError::Revoked),
        AccountError::Database(error) => error.into(),
        error => ApiError::internal(&error),
    }
}

fn invalid_refresh_token() -> UserError {
    let message = "The session has ended. Sign in again.";
    UserError::of_field(UserErrorCode::InvalidRefreshToken, "refreshToken", message)
}

/// Converts an error of signing an access token.
#[must_use]
pub fn signing_error(error: &KeyringError) -> ApiError {
    match error {
        KeyringError::TooLarge { .. } => {
            tracing::warn!(%error, "a sign-in failed");
            let message = "The roles of this account grant more scopes than an access token can hold. Ask an \
                           administrator to remove a role.";
            ApiError::new(ErrorCode::LimitExceeded, message)
        }
        error => ApiError::internal(error),
    }
}
