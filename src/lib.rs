//! Portcullis: a GraphQL identity server and library.

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
pub mod config;
#[cfg(feature = "server")]
pub mod database;
#[cfg(feature = "server")]
pub mod limits;
#[cfg(feature = "server")]
pub mod passwords;
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
