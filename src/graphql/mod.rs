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
mod json;
#[cfg(feature = "server")]
mod user_error;

pub use async_graphql::connection::EmptyFields;
/// # Example
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::Object;
/// use portcullis::{Portcullis, guarded, testing::TestServer};
/// use serde_json::json;
///
/// struct Notes;
///
/// #[guarded]
/// #[Object]
/// #[authenticated]
/// impl Notes {
///     /// The number of notes.
///     async fn note_count(&self) -> Option<i32> {
///         Some(2)
///     }
///
///     /// The notes of everybody.
///     #[requires_roles("admin")]
///     #[requires_recent_login("10m")]
///     async fn all_notes(&self) -> Option<Vec<String>> {
///         Some(vec!["a note".to_owned()])
///     }
///
///     /// The text of a note. Every user owns the note that has their name.
///     #[requires_owner(claims.username == name)]
///     async fn note(&self, name: String) -> Option<String> {
///         Some(format!("the note of {name}"))
///     }
/// }
///
/// let server = TestServer::start(Portcullis::builder().query(Notes)).await;
/// let ada = server.sign_in("ada", &[]).await;
/// let response = server.graphql(Some(&ada), r#"{ note(name: "ada") }"#, json!({})).await;
/// assert_eq!(response["data"]["note"], "the note of ada");
/// for (user, query, code) in [
///     (None, "{ noteCount }", "UNAUTHENTICATED"),
///     (Some(&ada), "{ allNotes }", "FORBIDDEN"),
///     (Some(&ada), r#"{ note(name: "bob") }"#, "FORBIDDEN"),
/// ] {
///     let response = server.graphql(user, query, json!({})).await;
///     assert_eq!(response["errors"][0]["extensions"]["code"], code);
/// }
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
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
    connection::{Direction, List, Page, PageInfo, PageRequest},
    date_time::DateTime,
    fair_queue::Queued,
    id::{node_id, parse_id},
    json::Json,
    user_error::{UserError, UserErrorCode},
};
#[doc(hidden)]
pub use self::{
    context::{DeviceCookie, ExpiredSession, LastEventId, RefreshCookie, Transport},
    error::{INSUFFICIENT_USER_AUTHENTICATION, SESSION_REQUIRED, normalize_error},
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
