//! Portcullis: a GraphQL identity server, and the library that it is made of.
//!
//! # The systems
//!
//! The server is one process. Requests pass through it from the network inwards:
//!
//! 1. The **listener** accepts TCP connections, and enforces their number and their timeouts.
//! 2. **HTTP** has the routes and the middleware. GraphQL over HTTP is one endpoint for POST, GET, WebSocket and
//!    server-sent events.
//! 3. **Operations** turn the text of a document into an operation that may be executed: limits, persisted and trusted
//!    documents.
//! 4. The **schema** has the resolvers of all capabilities. A guard on a field checks the caller.
//! 5. The **capabilities** are the domain: accounts, sessions, sign-in, administration and the audit log.
//! 6. The **foundations** are what they share: tokens, passwords, throttle, change feed, database, configuration.
//!
//! **Background tasks** run beside the requests: they read the change feed, publish events to subscribers, maintain the
//! signing keys, and delete what has expired. The **command line** does administration on the same database.
//!
//! Replicas are processes on the same PostgreSQL database. They learn of each other's changes by the change feed, which
//! fills the list of revoked tokens of each. `docs/design.md` has the design decisions with their reasons, and
//! `CONTRIBUTING.md` the recipes for changes.
//!
//! # The modules
//!
//! A module imports modules of a lower rank only; `tests/architecture.rs` checks it. Resolvers are the exception: they
//! may import each other, because a schema is a graph.
//!
//! | rank | module | content |
//! |---|---|---|
//! | 15 | `testing` | a server for the tests of an application |
//! | 15 | [`cli`] | the command line, one file for each command |
//! | 14 | [`server`] | the server as a library: the builder, and the opened server |
//! | 13 | [`serve`] | runs the listener and the background tasks until the server stops |
//! | 12 | [`router`] | the routes and the middleware |
//! | 12 | [`worker`] | the background tasks and their intervals |
//! | 11 | [`app`] | builds everything from the configuration |
//! | 10 | [`schema`] | the roots of the schema, and Apollo Federation |
//! | 9 | [`sign_in`] | the ways to sign in, and re-authentication |
//! | 9 | [`admin`] | privileged operations |
//! | 8 | [`import`] | files of accounts: formats, fields, validation |
//! | 8 | [`sessions`] | sessions: open, refresh, list, revoke |
//! | 7 | [`accounts`] | accounts: names, roles, profile, deletion |
//! | 7 | [`http`] | bearer tokens, CORS, health, discovery, the GraphiQL page, and GraphQL over HTTP |
//! | 6 | [`hooks`] | the code of an application that runs at certain points |
//! | 6 | [`audit`] | the audit log, and subscriptions to its events |
//! | 6 | [`operations`] | from document text to an executable operation |
//! | 5 | [`status_lists`] | status lists: signed lists of revoked tokens, for services that verify tokens |
//! | 5 | [`graphql`] | guards, ids, connections (lists) and errors, which all resolvers share |
//! | 5 | `listener` | TCP connections and their limits |
//! | 4 | [`changes`] | the change feed, and the list of revoked tokens |
//! | 3 | [`tokens`] | access tokens, refresh tokens, signing keys |
//! | 3 | [`passwords`] | the password policy, hashing and verification |
//! | 3 | [`limits`] | the throttle, and quotas on what runs at the same time |
//! | 3 | [`replicas`] | the servers that run on the database |
//! | 2 | [`database`] | connections, migrations, pages of rows, and what differs between SQLite and PostgreSQL |
//! | 1 | [`config`] | the configuration, one file for each section |
//! | 1 | [`id`] | identifiers |
//! | 0 | [`client`] | the address and the User-Agent of a client |
//! | 0 | [`clock`] | the time, which tests can move |
//! | 0 | [`secret`] | the master secret, and the keys derived from it |
//!
//! Without the feature `server` there are only the claims, the verifier, the revocation list, the bearer extractor and
//! the guards. That is enough for a service that only verifies tokens.
//!
//! # One request
//!
//! A signed-in client sends `{ me { username } }` by POST.
//!
//! 1. `listener` has accepted the connection, and passes the request to [`router`]. The middleware checks the Host
//!    header and gives the request an id (`http/host.rs`, `http/trace.rs`).
//! 2. `http/graphql/handler.rs` handles the request. It negotiates the media type, and reads and parses the body
//!    within the limits (`request.rs`, `body.rs`).
//! 3. `http/bearer.rs` authenticates the caller. `tokens/verifier.rs` verifies the token, and
//!    `changes/revocations.rs` checks that it is not revoked.
//! 4. `operations/store.rs` finds the parsed document, or `operations/document.rs` parses it. `operations/prepare.rs`
//!    checks the operation and its variables against the limits.
//! 5. `http/graphql/execute.rs` acquires the permits and executes the operation.
//! 6. The guard (`graphql/guard.rs`) checks the token again. The resolver `me` (`accounts/graphql/mod.rs`) takes the
//!    account from `accounts/cache.rs`, or reads it by `accounts/store`.
//! 7. `http/graphql/response.rs` writes the response.
//!
//! # In your own program
//!
//! [`Portcullis::builder`] adds your resolvers, routes, tables and tasks to the server. With your own
//! [`MergedObject`](async_graphql::MergedObject), merge [`schema::IdentityQuery`], [`schema::IdentityMutation`] and
//! [`schema::IdentitySubscription`], and hand the schema to [`router::router`].

#![forbid(unsafe_code)]

// The macro `guarded` names our guards by their path from outside.
extern crate self as portcullis;

pub mod changes;
pub mod clock;
pub mod graphql;
pub mod http;
pub mod id;
pub mod tokens;

#[cfg(feature = "server")]
pub mod accounts;
#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod database;
#[cfg(feature = "server")]
pub mod hooks;
#[cfg(feature = "server")]
pub mod import;
#[cfg(feature = "server")]
pub mod limits;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "server")]
pub mod operations;
#[cfg(feature = "server")]
pub mod passwords;
#[cfg(feature = "server")]
pub mod replicas;
#[cfg(feature = "server")]
pub mod router;
#[cfg(feature = "server")]
pub mod schema;
#[cfg(feature = "server")]
pub mod secret;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod sessions;
#[cfg(feature = "server")]
pub mod sign_in;
#[cfg(feature = "server")]
pub mod status_lists;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "server")]
pub mod worker;

pub use self::{
    clock::{Clock, Timestamp},
    graphql::{TokenCheck, caller, claims, guarded},
    http::{Authenticator, RequiredClaims, TokenRejection},
    tokens::{Caller, Claims, TokenError},
};
#[cfg(feature = "server")]
pub use self::{
    config::Config,
    database::Database,
    server::{Builder, Error, Portcullis},
};

/// The README's Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
