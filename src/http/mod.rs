//! What the server says over HTTP: GraphQL, also through a WebSocket and as a stream of events, the published keys,
//! its health, and the GraphiQL page; and who may keep a connection to it, for how long.
//!
//! Every refusal on the way to the executor is a [`ApiError`](crate::graphql::ApiError) and is answered in
//! the one shape that `respond.rs` gives.

#[cfg(feature = "server")]
mod asker;
mod bearer;
#[cfg(feature = "server")]
mod buffer;
#[cfg(feature = "server")]
mod caching;
mod connection_init;
#[cfg(feature = "server")]
mod discovery;
#[cfg(feature = "server")]
mod endpoint;
#[cfg(feature = "server")]
mod event_stream;
#[cfg(feature = "server")]
mod execute;
#[cfg(feature = "server")]
mod harden;
#[cfg(feature = "server")]
mod health;
#[cfg(feature = "server")]
mod host;
#[cfg(feature = "server")]
mod media;
#[cfg(feature = "server")]
mod origin;
#[cfg(feature = "server")]
mod playground;
#[cfg(feature = "server")]
mod request;
#[cfg(feature = "server")]
mod respond;
#[cfg(feature = "server")]
mod socket;
#[cfg(feature = "server")]
mod streams;
#[cfg(feature = "server")]
mod trace;

pub use self::bearer::Gate;
#[cfg(feature = "server")]
pub(crate) use self::{
    discovery::{discovery, jwks},
    endpoint::{Endpoint, graphql},
    harden::{IsBehindTls, harden},
    health::{Dependencies, Health, Probes, alive, ready},
    host::{Hosts, check_host},
    origin::{Origins, any_origin, listed_origins},
    playground::{playground, playground_asset, to_playground},
    respond::{method_not_allowed, not_found},
    streams::Streams,
    trace::{RequestId, trace},
};
