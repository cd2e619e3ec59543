//! Sign-in for GraphQL servers: a complete identity server, and the library that it is made of.
//!
//! # A server with your own resolvers
//!
//! [`Portcullis::builder`] adds your resolvers, tables, routes and tasks to the server. The program has the configuration
//! and the command line of the `portcullis` binary.
//!
//! ```no_run
//! # #[cfg(feature = "server")]
//! # mod program {
//! use async_graphql::{Context, Object, Result};
//! use portcullis::{Portcullis, claims, guarded};
//!
//! struct Notes;
//!
//! #[guarded]
//! #[Object]
//! impl Notes {
//!     /// Notes of the signed-in user.
//!     #[authenticated]
//!     async fn notes(&self, ctx: &Context<'_>) -> Result<Option<Vec<String>>> {
//!         Ok(Some(vec![format!("a note by {}", claims(ctx)?.username)]))
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), portcullis::Error> {
//!     Portcullis::builder().query(Notes).serve().await
//! }
//! # }
//! ```
//!
//! # A service that only verifies tokens
//!
//! An [`Authenticator`] verifies the access tokens of Portcullis, or of another OpenID provider. It fetches the keys of the
//! issuer and the lists of revoked tokens. It needs neither the feature `server` nor a database.
//!
//! # In a resolver and in a handler
//!
//! [`guarded`] has the requirements of a field: a token, scopes, roles, a recent login, an owner. [`claims`],
//! [`user_id`] and [`caller`] return who calls. [`Caller`] and [`RequiredClaims`] are axum extractors for other routes.
//!
//! # Features
//!
//! | feature | content |
//! |---|---|
//! | `server` (default) | the identity server |
//! | `client` (default) | fetches the keys and the status lists of an issuer |
//! | `testing` | `portcullis::testing`: a server for the tests of an application |
//!
//! Without default features the crate verifies tokens and guards fields, with keys that you give it.
//!
//! # Versions
//!
//! The crate follows [semantic versioning](https://semver.org). Modules and items that this documentation does not list
//! are internal, and may change in any release.
#![doc = concat!("The minimum version of Rust is ", env!("CARGO_PKG_RUST_VERSION"), ". ")]
//! A later minor version of the crate may require a newer one.
//!
//! These types of other crates are part of the API, so a new major version of their crate is one of this crate:
//! async-graphql (objects, schemas, contexts, errors), axum and http (routers, extractors, headers), sea-orm and
//! sea-orm-migration (connections, transactions, migrations), chrono ([`clock::Timestamp`]), uuid, serde and `serde_json`,
//! secrecy (secrets of the configuration), ipnet (trusted proxies), jsonwebtoken ([`tokens::JwkSet`]), futures-core and
//! tokio (a listener). async-graphql is fixed to one version, because 8.0 is not released yet.
//!
//! `CONTRIBUTING.md` describes how the crate is built.

#![forbid(unsafe_code)]
// docs.rs shows the feature that an item needs. Stable versions of rustdoc cannot.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The macro `guarded` names our guards by their path from outside.
extern crate self as portcullis;

#[doc(hidden)]
pub mod changes;
pub mod clock;
pub mod graphql;
pub mod http;
pub mod id;
pub mod tokens;

#[cfg(feature = "server")]
#[doc(hidden)]
pub mod account_export;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod accounts;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod admin;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod cli;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod database;
#[cfg(feature = "server")]
pub mod hooks;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod import;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod limits;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod mail;
#[cfg(feature = "server")]
pub mod operations;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod passkeys;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod passwords;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod personal_access_tokens;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod proofs;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod replicas;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod router;
#[cfg(feature = "server")]
pub mod schema;
#[cfg(feature = "server")]
pub mod second_factors;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod secret;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod serve;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod sessions;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod sign_in;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod status_lists;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod trusted_devices;
#[cfg(feature = "server")]
#[doc(hidden)]
pub mod worker;

pub use self::{
    clock::Clock,
    graphql::{TokenCheck, caller, claims, guarded, user_id},
    http::{Authenticator, RequiredClaims, TokenRejection},
    tokens::{Caller, Claims},
};
#[cfg(feature = "server")]
pub use self::{
    config::Config,
    database::Database,
    server::{Builder, Error, Portcullis},
};

/// The Rust programs of the README and the book, which compile.
#[cfg(all(doctest, feature = "server"))]
mod book {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/getting-started.md")]
    struct GettingStarted;
    #[doc = include_str!("../docs/guides/own-schema.md")]
    struct OwnSchema;
    #[doc = include_str!("../docs/guides/rust-services.md")]
    struct RustServices;
}
