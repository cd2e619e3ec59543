use std::{sync::Arc, time::Duration};

use async_graphql::{Context, Guard, Result, TypeDirective};
use futures_util::{Stream, StreamExt, stream};

use super::{ApiError, TokenCheck, claims};
use crate::tokens::Claims;

/// The requirements that a field has for its caller. In a schema, declare them with [`guarded`](super::guarded) and its
/// attributes, which write a value of this type.
///
/// All requirements must be met. They are checked in the order of the methods below: first the access token, then what
/// the caller cannot change at once, and last what a new login can change.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    scopes: &'static [&'static [&'static str]],
    roles: &'static [&'static str],
    recent_login: Option<RecentLogin>,
}

/// The requirement of a recent login.
#[derive(Clone, Copy, Debug)]
struct RecentLogin {
    max_age_seconds: u32,
    acr: Option<&'static str>,
}

impl Requirements {
    /// Requires an access token that is valid when the field begins.
    pub const AUTHENTICATED: Self = Self { scopes: &[], roles: &[], recent_login: None };

    /// Requires every scope of at least one of these lists.
    #[must_use]
    pub const fn scopes(self, scopes: &'static [&'static [&'static str]]) -> Self {
        Self { scopes, ..self }
    }

    /// Requires at least one of these roles.
    #[must_use]
    pub const fn roles(self, roles: &'static [&'static str]) -> Self {
        Self { roles, ..self }
    }

    /// Requires a login (`auth_time`) at most so many seconds ago and, if `acr` is given, with this authentication
    /// context class (RFC 9470). A refresh is no login.
    #[must_use]
    pub const fn recent_login(self, max_age_seconds: u32, acr: Option<&'static str>) -> Self {
        Self { recent_login: Some(RecentLogin { max_age_seconds, acr }), ..self }
    }

    /// Checks the caller.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a valid token, `FORBIDDEN` with one that lacks a scope or a role, and `UNAUTHENTICATED`
    /// with the reason `INSUFFICIENT_USER_AUTHENTICATION` if the login is not recent. A personal access token has no
    /// login: its error is `FORBIDDEN` with the reason `SESSION_REQUIRED`.
    pub fn check(&self, ctx: &Context<'_>) -> Result<(), ApiError> {
        self.check_claims(claims(ctx)?, ctx.data_opt::<TokenCheck>())
    }

    /// Checks the caller again before each event of a subscription, because a subscription can outlive its token and the
    /// time for which a login is recent. The first refusal is the last item.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a valid token.
    pub fn guard_events<S>(
        self,
        ctx: &Context<'_>,
        events: S,
    ) -> Result<impl Stream<Item = Result<S::Item, ApiError>> + use<S>, ApiError>
    where
        S: Stream,
    {
        let claims = Arc::clone(claims(ctx)?);
        let token = ctx.data_opt::<TokenCheck>().cloned();
        let check = move || {
            token.as_ref().map_or(Ok(()), TokenCheck::check).map_err(ApiError::unauthenticated)?;
            self.check_claims(&claims, token.as_ref())
        };
        let state = Some((Box::pin(events), check));
        Ok(stream::unfold(state, |state| async {
            let (mut events, check) = state?;
            let event = events.next().await?;
            Some(match check() {
                Ok(()) => (Ok(event), Some((events, check))),
                Err(error) => (Err(error), None),
            })
        }))
    }

    fn check_claims(&self, claims: &Claims, token: Option<&TokenCheck>) -> Result<(), ApiError> {
        let has_all = |scopes: &&[&str]| scopes.iter().all(|scope| claims.scope.contains(scope));
        if !self.scopes.is_empty() && !self.scopes.iter().any(has_all) {
            return Err(ApiError::forbidden(self.scopes));
        }
        let has = |role: &&str| claims.roles.iter().any(|own| own == role);
        if !self.roles.is_empty() && !self.roles.iter().any(has) {
            return Err(ApiError::missing_role(self.roles));
        }
        self.recent_login.map_or(Ok(()), |login| login.check(claims, token))
    }
}

impl Guard for Requirements {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        Ok(Self::check(self, ctx)?)
    }
}

impl RecentLogin {
    fn check(self, claims: &Claims, token: Option<&TokenCheck>) -> Result<(), ApiError> {
        if claims.is_personal_access_token() {
            return Err(ApiError::session_required());
        }
        // The check has the clock. Without one, the age of the login is unknown.
        let Some(token) = token else {
            tracing::error!("a field requires a recent login, but its request has no TokenCheck as data");
            return Err(ApiError::masked());
        };
        let is_recent = token.is_login_within(claims, Duration::from_secs(self.max_age_seconds.into()));
        let has_class = self.acr.is_none_or(|acr| claims.has_authentication_class(acr));
        if is_recent && has_class {
            Ok(())
        } else {
            Err(ApiError::insufficient_user_authentication(Some(self.max_age_seconds), self.acr))
        }
    }
}

/// Turns the decision of `#[requires_owner(…)]` into a result.
///
/// # Errors
/// `FORBIDDEN` if the caller is not the owner. The error is the same whether or not the object exists.
pub fn ensure_owner(is_owner: bool) -> Result<(), ApiError> {
    if is_owner { Ok(()) } else { Err(ApiError::not_owner()) }
}

/// The field requires a valid access token. Otherwise it is null, with an error whose `extensions.code` is
/// UNAUTHENTICATED. Other fields of the operation are not affected.
#[TypeDirective(location = "FieldDefinition", location = "Object")]
pub fn authenticated() {}

/// The field requires an access token that has every scope of at least one of the lists. Otherwise it is
/// null, with the error UNAUTHENTICATED if there is no valid token and FORBIDDEN if the token lacks a scope.
#[TypeDirective(name = "requiresScopes", location = "FieldDefinition", location = "Object")]
pub fn requires_scopes(
    #[graphql(desc = "Lists of scopes. The token must have every scope of at least one list.")] scopes: Vec<
        Vec<String>,
    >,
) {
}

/// The field requires an access token with at least one of the roles. Otherwise it is null, with the error
/// UNAUTHENTICATED if there is no valid token and FORBIDDEN if the token has none of the roles.
#[TypeDirective(name = "requiresRoles", location = "FieldDefinition")]
pub fn requires_roles(
    #[graphql(desc = "The roles. The token must have at least one of them.")] roles: Vec<String>,
) {
}

/// The field requires a login at most `maxAge` seconds ago, with the authentication context class `acr` if one
/// is given. Otherwise it is null, with the error UNAUTHENTICATED and the reason
/// INSUFFICIENT_USER_AUTHENTICATION (RFC 9470): log in again, or call `reauthenticate`, and repeat the operation.
#[TypeDirective(name = "requiresRecentLogin", location = "FieldDefinition")]
pub fn requires_recent_login(
    #[graphql(desc = "The maximum age of the login, in seconds.")] max_age: i32,
    #[graphql(desc = "The authentication context class that the login must have.")] acr: Option<String>,
) {
}

/// The field requires that the caller owns the object. Otherwise it is null, with the error UNAUTHENTICATED if
/// there is no valid token and FORBIDDEN if the caller does not own the object or it does not exist.
#[TypeDirective(name = "requiresOwner", location = "FieldDefinition")]
pub fn requires_owner() {}
