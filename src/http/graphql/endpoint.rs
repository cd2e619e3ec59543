use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::streams::OpenStreams;
use crate::{
    client::TrustedProxies,
    config::HttpConfig,
    http::{Authenticator, Origins},
    limits::Quotas,
    operations::DocumentStore,
};

/// The state of the GraphQL endpoint.
pub(crate) struct Endpoint<E> {
    /// The schema.
    pub(crate) executor: E,
    /// Authenticates callers.
    pub(crate) authenticator: Authenticator,
    /// Proxies whose X-Forwarded-For header is trusted.
    pub(crate) proxies: TrustedProxies,
    /// Origins whose pages may use the cookie and open WebSockets.
    pub(crate) origins: Origins,
    /// Limits of a request.
    pub(crate) http: HttpConfig,
    /// The maximum number of operations in a request.
    pub(crate) max_batch: usize,
    /// The cache of parsed and trusted documents.
    pub(crate) documents: Arc<DocumentStore>,
    /// Bytes of request bodies that are being buffered, per client.
    pub(crate) body_bytes: Arc<Quotas>,
    /// Requests that are being executed, per client.
    pub(crate) running_requests: Arc<Quotas>,
    /// Tracks running operations. An operation that has started runs to its end when its client disconnects.
    pub(crate) tasks: TaskTracker,
    /// Open WebSockets and event streams.
    pub(crate) streams: Arc<OpenStreams>,
}
