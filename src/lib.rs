//! Portcullis: a GraphQL identity server, and the library that it is made of.
//!
//! # The map of the house
//!
//! One folder for each capability, ranked, over a thin base of shared vocabulary; a module imports lower
//! ranks only, and `tests/architecture.rs` sees to it.
//!
//! | rank | module | what it is |
//! |---|---|---|
//! | 14 | [`cli`] | a file a command |
//! | 13 | [`serve`] | requests in front, background tasks behind |
//! | 12 | [`router`], [`worker`] | every route; every task and how often it runs |
//! | 11 | [`app`] | configuration in, everything else out |
//! | 10 | [`schema`] | the merged roots |
//! | 9 | [`sign_in`], [`admin`] | every way in; every privileged operation |
//! | 8 | [`sessions`] | one sign-in on one device |
//! | 7 | [`accounts`], [`http`] | the accounts; GraphQL over HTTP and WebSocket, bearer tokens, health, the GraphiQL page |
//! | 6 | [`audit`], [`operations`] | the audit log; from document text to an executable operation |
//! | 5 | [`graphql`], `listener` | guards, ids, lists, errors; TCP connections and their limits |
//! | 4 | [`changes`] | what replicas tell each other, and the tokens that are void |
//! | 3 | [`tokens`], [`passwords`], [`limits`], [`replicas`] | what a token says; what a password is; the throttle; the servers that run |
//! | 2 | [`database`] | connections, and what differs between SQLite and PostgreSQL |
//! | 1 | [`config`], [`id`] | what can be set; what things are called |
//! | 0 | [`client`], [`clock`], [`secret`], `words` | the client of a request; what time it is; keys from the master secret; words that clients branch on |
//!
//! Without the feature `server` there remain the claims, the verifier, the revocation list, the bearer
//! extractor and the guards: what a service needs that only reads tokens.
//!
//! # In your own schema
//!
//! Merge [`schema::IdentityQuery`], [`schema::IdentityMutation`] and [`schema::IdentitySubscription`] with your
//! roots, guard your fields with [`graphql::guarded`], and hand the schema to [`router::router`]. With
//! [`schema::FederationQuery`] and [`schema::finish_subgraph`] it is a subgraph of Apollo Federation as well.

#![forbid(unsafe_code)]

// The macro `guarded` names our guards by their path from outside.
extern crate self as portcullis;

pub mod changes;
pub mod clock;
pub mod graphql;
pub mod http;
pub mod id;
pub mod tokens;
mod words;

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
pub mod sessions;
#[cfg(feature = "server")]
pub mod sign_in;
#[cfg(feature = "server")]
pub mod worker;

/// The README's Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
