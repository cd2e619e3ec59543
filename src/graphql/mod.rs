//! The vocabulary of all parts of the schema: guards, identifiers, lists, the caller of a request, and errors.
//!
//! Guards and their directives come from one declaration, [`guarded`]. A top-level error is
//! an [`ApiError`] with an [`ErrorCode`]. An error that the user can act on is a [`UserError`] in the payload.

mod code;
mod context;
mod error;
mod excerpt;
mod guard;
mod token_check;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod date_time;
#[cfg(feature = "server")]
mod fair_queue;
#[cfg(feature = "server")]
mod id;
#[cfg(feature = "server")]
mod user_error;

pub use async_graphql::connection::EmptyFields;
pub use portcullis_macros::guarded;

pub use self::{
    code::{ErrorCode, ErrorExtension},
    context::{caller, claims, user_id},
    error::ApiError,
    token_check::TokenCheck,
};
// `guarded` writes the paths of the guards and the directives into the code of applications.
#[cfg(feature = "server")]
#[doc(hidden)]
pub use self::fair_queue::FairQueue;
#[cfg(feature = "server")]
pub use self::{
    connection::{List, Page, PageInfo, PageRequest},
    date_time::DateTime,
    fair_queue::Queued,
    id::{node_id, parse_id},
    user_error::{UserError, UserErrorCode},
};
#[doc(hidden)]
pub use self::{
    context::{ExpiredSession, LastEventId, RefreshCookie, Transport},
    error::{INSUFFICIENT_USER_AUTHENTICATION, normalize_error},
    guard::{
        Requirements, authenticated, ensure_owner, requires_owner, requires_recent_login, requires_roles,
        requires_scopes,
    },
};
#[cfg(feature = "server")]
pub(crate) use self::{
    context::{account_and_session, initial_claims},
    excerpt::shorten_word,
};
