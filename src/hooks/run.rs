use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::DatabaseTransaction;
use tokio::time::timeout;

use super::{Applicant, HookResult, Hooks, TokenAdditions, TokenOwner};
use crate::{
    audit::AuditEvent,
    config::{is_reserved_claim, is_token},
    graphql::UserError,
    id::UserId,
};

/// The maximum time of a hook. It is shorter than the timeout of an idle transaction.
pub const MAX_HOOK_TIME: Duration = Duration::from_secs(2);

/// The reason why a hook of the application did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It returned an error.
    #[error("the hook {hook} has failed: {source}")]
    Failed {
        /// The name of the hook.
        hook: &'static str,
        /// The error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It has panicked.
    #[error("the hook {0} has panicked")]
    Panicked(&'static str),
    /// It took longer than [`MAX_HOOK_TIME`].
    #[error("the hook {0} took longer than {seconds} seconds", seconds = MAX_HOOK_TIME.as_secs())]
    TimedOut(&'static str),
    /// It added a claim that Portcullis uses itself.
    #[error("the hook token_additions must not add the claim {0}")]
    ReservedClaim(String),
    /// It added a scope that is not a scope token (RFC 6749 §3.3).
    #[error("the hook token_additions must add scopes of at most 64 printable ASCII characters")]
    InvalidScope,
}

/// The hooks as a value. It is the object-safe form of [`Hooks`], whose methods return futures of types of their own.
trait BoxedHooks: Send + Sync {
    fn before_registration<'a>(
        &'a self,
        applicant: &'a Applicant<'_>,
    ) -> BoxFuture<'a, HookResult<Result<(), UserError>>>;

    fn on_account_deletion<'a>(
        &'a self,
        transaction: &'a DatabaseTransaction,
        user: UserId,
    ) -> BoxFuture<'a, HookResult<()>>;

    fn after_event<'a>(&'a self, event: &'a AuditEvent) -> BoxFuture<'a, HookResult<()>>;

    fn token_additions<'a>(&'a self, owner: &'a TokenOwner<'_>) -> BoxFuture<'a, HookResult<TokenAdditions>>;
}

impl<H: Hooks> BoxedHooks for H {
    fn before_registration<'a>(
        &'a self,
        applicant: &'a Applicant<'_>,
    ) -> BoxFuture<'a, HookResult<Result<(), UserError>>> {
        Box::pin(Hooks::before_registration(self, applicant))
    }

    fn on_account_deletion<'a>(
        &'a self,
        transaction: &'a DatabaseTransaction,
        user: UserId,
    ) -> BoxFuture<'a, HookResult<()>> {
        Box::pin(Hooks::on_account_deletion(self, transaction, user))
    }

    fn after_event<'a>(&'a self, event: &'a AuditEvent) -> BoxFuture<'a, HookResult<()>> {
        Box::pin(Hooks::after_event(self, event))
    }

    fn token_additions<'a>(&'a self, owner: &'a TokenOwner<'_>) -> BoxFuture<'a, HookResult<TokenAdditions>> {
        Box::pin(Hooks::token_additions(self, owner))
    }
}

/// Runs the hooks of the application, if it has any, and turns panics and long waits into errors.
#[derive(Clone, Default)]
pub(crate) struct HookRunner(Option<Arc<dyn BoxedHooks>>);

impl HookRunner {
    pub(crate) fn new(hooks: impl Hooks) -> Self {
        Self(Some(Arc::new(hooks)))
    }

    /// Whether the application has hooks.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) async fn before_registration(
        &self,
        applicant: &Applicant<'_>,
    ) -> Result<Result<(), UserError>, HookError> {
        let Some(hooks) = &self.0 else { return Ok(Ok(())) };
        run("before_registration", hooks.before_registration(applicant)).await
    }

    pub(crate) async fn on_account_deletion(
        &self,
        transaction: &DatabaseTransaction,
        user: UserId,
    ) -> Result<(), HookError> {
        let Some(hooks) = &self.0 else { return Ok(()) };
        run("on_account_deletion", hooks.on_account_deletion(transaction, user)).await
    }

    pub(crate) async fn after_event(&self, event: &AuditEvent) -> Result<(), HookError> {
        let Some(hooks) = &self.0 else { return Ok(()) };
        run("after_event", hooks.after_event(event)).await
    }

    pub(crate) async fn token_additions(&self, owner: &TokenOwner<'_>) -> Result<TokenAdditions, HookError> {
        let Some(hooks) = &self.0 else { return Ok(TokenAdditions::default()) };
        let additions = run("token_additions", hooks.token_additions(owner)).await?;
        if let Some(name) = additions.claims.keys().find(|name| is_reserved_claim(name)) {
            return Err(HookError::ReservedClaim(name.clone()));
        }
        if additions.scopes.iter().any(|scope| !is_token(scope)) {
            return Err(HookError::InvalidScope);
        }
        Ok(additions)
    }
}

async fn run<T>(hook: &'static str, work: BoxFuture<'_, HookResult<T>>) -> Result<T, HookError> {
    // After a panic the hook is not used again with the state of this call: its future is dropped.
    match timeout(MAX_HOOK_TIME, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(source))) => Err(HookError::Failed { hook, source }),
        Ok(Err(_)) => Err(HookError::Panicked(hook)),
        Err(_) => Err(HookError::TimedOut(hook)),
    }
}

impl fmt::Debug for HookRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookRunner").finish_non_exhaustive()
    }
}
