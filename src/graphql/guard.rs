use async_graphql::{Context, Guard, Result, TypeDirective};

use super::{ApiError, caller};
use crate::tokens::Caller;

/// Lets a caller pass whose access token is valid when the field begins. In a schema, declare it with
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
            Caller::Anonymous(rejection) => Err(ApiError::unauthenticated(rejection)),
        }
    }
}

impl Guard for Authenticated {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        Ok(Self::check(self, ctx)?)
    }
}

/// Lets a caller pass whose token is valid when the field begins, and holds every scope of at least one of the
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
        if let Caller::Anonymous(rejection) = caller {
            return Err(ApiError::unauthenticated(rejection));
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

/// The field answers only a caller whose access token is valid. Anyone else gets null here and an
/// error with `extensions.code` UNAUTHENTICATED; the fields beside it still answer.
#[TypeDirective(location = "FieldDefinition", location = "Object")]
pub fn authenticated() {}

/// The field answers only a caller whose token holds every scope of at least one of the lists.
/// Otherwise: null here, and UNAUTHENTICATED without a valid token, FORBIDDEN with one.
#[TypeDirective(name = "requiresScopes", location = "FieldDefinition", location = "Object")]
pub fn requires_scopes(
    #[graphql(desc = "Lists of scopes, one of which the token must hold in full.")] scopes: Vec<Vec<String>>,
) {
}
