use async_graphql::{Context, Guard, Result, TypeDirective};

use super::{ApiError, caller};
use crate::tokens::Caller;

/// Requires an access token that is valid when the field begins. In a schema, declare it with
/// [`guarded`](super::guarded) and `#[authenticated]`.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;

impl Authenticated {
    /// Checks the caller.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, with the reason.
    pub fn check(&self, ctx: &Context<'_>) -> Result<(), ApiError> {
        match caller(ctx) {
            Caller::Authenticated(_) => Ok(()),
            Caller::Anonymous(error) => Err(ApiError::unauthenticated(*error)),
        }
    }
}

impl Guard for Authenticated {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        Ok(Self::check(self, ctx)?)
    }
}

/// Requires an access token that is valid when the field begins and has every scope of at least one of the
/// lists. In a schema, declare it with [`guarded`](super::guarded) and `#[requires_scopes("a", "b")]`.
#[derive(Clone, Copy, Debug)]
pub struct RequiresScopes(pub &'static [&'static [&'static str]]);

impl RequiresScopes {
    /// Checks the caller.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a valid token, `FORBIDDEN` with one that lacks a scope.
    pub fn check(&self, ctx: &Context<'_>) -> Result<(), ApiError> {
        let caller = caller(ctx);
        if let Caller::Anonymous(error) = caller {
            return Err(ApiError::unauthenticated(*error));
        }
        let passes = self.0.iter().any(|scopes| scopes.iter().all(|scope| caller.has_scope(scope)));
        if passes { Ok(()) } else { Err(ApiError::forbidden(self.0)) }
    }
}

impl Guard for RequiresScopes {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        Ok(Self::check(self, ctx)?)
    }
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
