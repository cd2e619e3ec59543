//! HTTP: bearer tokens, origins and hosts, the published keys, health, the GraphiQL page, the pages behind the
//! links in messages, and GraphQL itself.
//!
//! Every rejected request is an [`ApiError`](crate::graphql::ApiError), written in one shape by `graphql/response.rs`.

mod bearer;
mod connection_init;
#[cfg(feature = "server")]
mod discovery;
#[cfg(feature = "server")]
mod etag;
mod extract;
#[cfg(feature = "server")]
mod graphql;
#[cfg(feature = "server")]
mod health;
#[cfg(feature = "server")]
mod host;
mod issuer;
#[cfg(feature = "server")]
mod middleware;
#[cfg(feature = "server")]
mod origin;
#[cfg(feature = "server")]
mod pages;
#[cfg(feature = "server")]
mod playground;
#[cfg(feature = "server")]
mod security_headers;
#[cfg(feature = "server")]
mod status_list;
#[cfg(feature = "server")]
mod trace;

#[doc(hidden)]
pub use self::issuer::IssuerError;
pub use self::{
    bearer::Authenticator,
    extract::{RequiredClaims, TokenRejection},
    issuer::{AuthenticatorBuilder, BuildError},
};
#[cfg(feature = "server")]
pub(crate) use self::{
    discovery::{discovery, jwks, related_origins},
    graphql::{Endpoint, OpenStreams, graphql, method_not_allowed, not_found},
    health::{Dependencies, Health, liveness, readiness},
    middleware::{Middleware, middleware},
    origin::{Origins, api_cors, public_cors},
    pages::{PAGE_FILES, Page, page_documents, page_file},
    playground::{playground, playground_asset, to_playground},
    status_list::status_list,
    trace::RequestId,
};
