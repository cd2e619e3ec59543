//! REST routes beside GraphQL, on one server and with one sign-in:
//!
//! ```sh
//! cargo run --example axum-routes
//! ```
//!
//! A client signs in by GraphQL. With `delivery: COOKIE` a browser keeps the refresh token in a cookie that scripts
//! cannot read, and its page keeps the access token in memory. The routes take the access token as a bearer token:
//!
//! ```sh
//! curl http://localhost:4000/hello
//! curl http://localhost:4000/contacts -H "Authorization: Bearer $TOKEN"
//! curl http://localhost:4000/contacts -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '"Grace"'
//! ```

use std::{
    collections::HashMap,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Extension, Json, Router, http::StatusCode, routing::get};
use portcullis::{Builder, Caller, Portcullis, RequiredClaims, TokenRejection, config::RoleConfig};

/// The scope that the role `editor` grants.
const WRITE: &str = "contacts:write";

fn main() -> ExitCode {
    server().run()
}

/// The server with the routes, and with a role that may add contacts.
pub(crate) fn server() -> Builder {
    Portcullis::builder().routes(routes()).configure(|config| {
        config.roles.insert("editor".to_owned(), RoleConfig::new([WRITE]));
    })
}

/// The contacts of each user. A program would keep them in a table.
type Contacts = Arc<Mutex<HashMap<String, Vec<String>>>>;

fn routes() -> Router<Portcullis> {
    Router::new()
        .route("/hello", get(hello))
        .route("/contacts", get(list_contacts).post(add_contact))
        .layer(Extension(Contacts::default()))
}

/// Greets anybody: without a valid token the caller is anonymous.
async fn hello(caller: Caller) -> String {
    caller.claims().map_or("Hello, stranger".to_owned(), |claims| format!("Hello, {}", claims.username))
}

/// Lists the contacts of the caller. Without a valid token the response is 401 (RFC 6750 §3).
async fn list_contacts(
    RequiredClaims(claims): RequiredClaims,
    Extension(contacts): Extension<Contacts>,
) -> Json<Vec<String>> {
    let contacts = contacts.lock().unwrap_or_else(PoisonError::into_inner);
    Json(contacts.get(&claims.sub).cloned().unwrap_or_default())
}

/// Adds a contact of the caller. Without the scope the response is 403.
async fn add_contact(
    RequiredClaims(claims): RequiredClaims,
    Extension(contacts): Extension<Contacts>,
    Json(name): Json<String>,
) -> Result<StatusCode, TokenRejection> {
    claims.require_scope(WRITE)?;
    let mut contacts = contacts.lock().unwrap_or_else(PoisonError::into_inner);
    contacts.entry(claims.sub.clone()).or_default().push(name);
    Ok(StatusCode::CREATED)
}
