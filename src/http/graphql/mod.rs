//! GraphQL over HTTP, WebSocket and server-sent events.
//!
//! `handler.rs` shows the whole path of a request in order: upgrade, negotiate, parse, authenticate, prepare, execute,
//! respond. An error on this path is a [`RequestError`]; `response.rs` writes it in the same shape as the errors of the
//! executor.

mod body;
mod context;
mod endpoint;
mod execute;
mod handler;
mod media_type;
mod prepare;
mod refusal;
mod request;
mod response;
mod sse;
mod streams;
mod websocket;

pub(crate) use self::{
    endpoint::Endpoint,
    handler::graphql,
    response::{method_not_allowed, not_found},
    streams::OpenStreams,
};
pub(super) use self::{
    media_type::MediaType,
    refusal::RequestError,
    request::CSRF_HEADERS,
    response::{panic_response, rejected},
};
