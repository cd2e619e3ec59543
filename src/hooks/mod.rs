//! Hooks: the code of an application that Portcullis runs at certain points, in the same process.
//!
//! A hook has [`MAX_HOOK_TIME`] to finish. If it takes longer, returns an error or panics, the operation fails with
//! `INTERNAL_SERVER_ERROR` and changes nothing, and the log has the reason. A hook must not block its thread: use
//! `tokio::task::spawn_blocking` for blocking work.

mod run;

use std::{collections::BTreeMap, error::Error};

use sea_orm::DatabaseTransaction;
use serde_json::Value;

#[doc(hidden)]
pub use self::run::HookError;
pub(crate) use self::run::HookRunner;
pub use self::run::MAX_HOOK_TIME;
pub use crate::audit::{AuditAction, AuditEvent};
use crate::{graphql::UserError, id::UserId};

/// The error of a hook. The client receives a masked error, and the log has the reason.
pub type HookResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The hooks of an application. Each method has a default that does nothing.
///
/// ```
/// use portcullis::{
///     Database,
///     graphql::{UserError, UserErrorCode},
///     hooks::{Applicant, HookResult, Hooks, TokenAdditions, TokenOwner},
/// };
///
/// struct Shop;
///
/// impl Hooks for Shop {
///     async fn before_registration(&self, applicant: &Applicant<'_>) -> HookResult<Result<(), UserError>> {
///         if applicant.email.is_none() {
///             let message = "An e-mail address is required.";
///             return Ok(Err(UserError::of_field(UserErrorCode::EmailInvalid, "email", message)));
///         }
///         Ok(Ok(()))
///     }
///
///     async fn token_additions(&self, owner: &TokenOwner<'_>) -> HookResult<TokenAdditions> {
///         let mut additions = TokenAdditions::default();
///         additions.claims.insert("plan".to_owned(), "free".into());
///         Ok(additions)
///     }
/// }
/// ```
pub trait Hooks: Send + Sync + 'static {
    /// Decides whether a person may register. It runs after the rate limits and before the password is hashed, outside of
    /// a transaction. The inner error is the refusal, which the client receives in the payload.
    fn before_registration(
        &self,
        applicant: &Applicant<'_>,
    ) -> impl Future<Output = HookResult<Result<(), UserError>>> + Send {
        let _ = applicant;
        async { Ok(Ok(())) }
    }

    /// Deletes what belongs to an account, in the transaction that deletes the account. Use this transaction for each
    /// statement: on SQLite, another one that writes would wait for it.
    fn on_account_deletion(
        &self,
        transaction: &DatabaseTransaction,
        user: UserId,
    ) -> impl Future<Output = HookResult<()>> + Send {
        let _ = (transaction, user);
        async { Ok(()) }
    }

    /// Handles an event of the audit log after it was committed: a registration, a login, a deletion and so on. Events come
    /// one after the other in their order, on the server that has recorded them, at most once: an error is logged, and
    /// the events that a server has not handled when it ends are not handled later. For a consumer that must see each
    /// event, read `auditEvents` or subscribe to it.
    fn after_event(&self, event: &AuditEvent) -> impl Future<Output = HookResult<()>> + Send {
        let _ = event;
        async { Ok(()) }
    }

    /// Adds claims and scopes to an access token. It runs outside of a transaction at each sign-in, each refresh and each
    /// change of the password, so it should read a cache or one row.
    fn token_additions(
        &self,
        owner: &TokenOwner<'_>,
    ) -> impl Future<Output = HookResult<TokenAdditions>> + Send {
        let _ = owner;
        async { Ok(TokenAdditions::default()) }
    }
}

/// A person who wants to register.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Applicant<'a> {
    /// The username.
    pub username: &'a str,
    /// The e-mail address, which is unverified.
    pub email: Option<&'a str>,
    /// The display name.
    pub display_name: Option<&'a str>,
    /// The address of the client.
    pub address: std::net::IpAddr,
}

/// The account for which an access token is issued.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenOwner<'a> {
    /// The account. During registration it is not committed yet.
    pub user: UserId,
    /// The username.
    pub username: &'a str,
    /// The names of the roles of the account.
    pub roles: &'a [String],
}

/// The claims and scopes that an application adds to an access token.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TokenAdditions {
    /// The claims. A name that Portcullis uses itself is an error. They replace claims of `tokens.custom_claims` and
    /// `tokens.claims` with the same name.
    pub claims: BTreeMap<String, Value>,
    /// The scopes, beside those of the roles.
    pub scopes: Vec<String>,
}
