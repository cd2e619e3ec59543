use std::{net::SocketAddr, sync::Arc};

use async_graphql::{Executor, Request as Operation, Response as Answer, parser::types::OperationType};
use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, AUTHORIZATION, COOKIE},
        request::Parts,
    },
    response::Response,
};
use futures_util::stream::BoxStream;
use tokio_util::task::TaskTracker;

use super::{
    Gate, Origins, RequestId,
    asker::Asker,
    event_stream::{self, EventStream},
    media::{Media, accepts_events},
    request::{self, Asked, Refusal, is_safe},
    respond, socket,
    streams::Streams,
};
use crate::{
    client::TrustedProxies,
    config::{GraphqlConfig, HttpConfig, Introspection},
    graphql::{ApiError, ErrorCode},
    limits::Quotas,
    listener::RequestConnection,
    operations::{DocumentStore, OperationInfo, RequestTotals, RootFieldPolicy, prepare},
    tokens::Caller,
};

/// GraphQL over HTTP, before any executor.
pub(crate) struct Endpoint<E> {
    /// What answers.
    pub(crate) executor: E,
    /// Who asks.
    pub(crate) gate: Gate,
    /// Whose word on the client's address is taken.
    pub(crate) proxies: TrustedProxies,
    /// The origins whose pages may use cookies and open sockets.
    pub(crate) origins: Origins,
    /// Limits of the request.
    pub(crate) http: HttpConfig,
    /// Limits of the operation.
    pub(crate) graphql: GraphqlConfig,
    /// The cache of parsed and trusted documents.
    pub(crate) documents: Arc<DocumentStore>,
    /// The fields at the root that are not like others.
    pub(crate) fields: RootFieldPolicy,
    /// The bodies that are read, by their bytes.
    pub(crate) buffered: Arc<Quotas>,
    /// The requests that are executed.
    pub(crate) at_work: Arc<Quotas>,
    /// Where operations run, so that one that has begun goes on when its client hangs up.
    pub(crate) tasks: TaskTracker,
    /// The sockets and event streams that are open.
    pub(crate) streams: Arc<Streams>,
}

/// Answers a GraphQL request.
pub(crate) async fn graphql<E: Executor>(
    State(endpoint): State<Arc<Endpoint<E>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if socket::is_asked_for(&parts.headers) {
        let opened = socket::open(endpoint, peer, parts, request_id.clone()).await;
        return opened.unwrap_or_else(|Refusal(status, failure)| {
            respond::failure(failure, status, Media::Json, &request_id)
        });
    }
    let media = Media::negotiate(&parts.headers);
    let takes_only_events = media.is_none() && accepts_events(&parts.headers);
    let media = match media {
        None if !takes_only_events => {
            let message = "The response can be application/graphql-response+json, application/json or \
                           text/event-stream.";
            let failure = ApiError::bad_user_input(message);
            return respond::failure(failure, StatusCode::NOT_ACCEPTABLE, Media::Json, &request_id);
        }
        media => media.unwrap_or(Media::Json),
    };
    match endpoint.answer(peer, &parts, body).await {
        Ok(Answers::One(answer) | Answers::Public(answer)) if takes_only_events => {
            event_stream::once(answer, &request_id)
        }
        Ok(Answers::One(answer)) => respond::answer(answer, media, &request_id),
        Ok(Answers::Public(answer)) => respond::public(answer, media, &request_id, &parts.headers),
        Ok(Answers::Batch(answers)) => respond::batch(answers, media, &request_id),
        Ok(Answers::Events(events)) => events.respond(&endpoint.tasks, request_id),
        Err(Refusal(status, failure)) => {
            let mut response = respond::failure(failure, status, media, &request_id);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                // What would be accepted (RFC 9110 §15.5.16).
                let (name, value) = request::supported(&parts.headers);
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        }
    }
}

/// What a request is answered with.
enum Answers {
    One(Answer),
    /// What anybody would be answered who sent this URL.
    Public(Answer),
    Batch(Vec<Answer>),
    Events(EventStream),
}

/// What comes with a request that is somebody's. Its answer is nobody else's, whatever it asks for.
const PERSONAL: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

/// An operation that may be executed, and its kind.
type Checked = (Operation, OperationInfo);

/// An operation that may begin.
pub(super) enum Started {
    /// A query or a mutation, and its approximate memory in bytes.
    Once(Box<Operation>, usize),
    /// A subscription, and its approximate memory in bytes.
    Events(BoxStream<'static, Answer>, usize),
}

impl<E: Executor> Endpoint<E> {
    async fn answer(&self, peer: SocketAddr, parts: &Parts, body: Body) -> Result<Answers, Refusal> {
        let Asked { operations, is_batch } =
            request::read(parts, body, self.buffer(peer, parts), &self.http, self.graphql.max_batch).await?;
        let caller = self.gate.caller(&parts.headers);
        if let (Caller::Authenticated(_), Some(carrier)) =
            (&caller, parts.extensions.get::<RequestConnection>())
        {
            carrier.signed_in();
        }
        let mut prepared = self.prepare(operations, is_batch, parts, &caller)?;
        let asker = Asker::of_request(self, peer, parts, caller)?;
        for (operation, _) in prepared.iter_mut().flatten() {
            asker.introduce(operation);
        }
        if let [Ok((operation, OperationInfo { kind: OperationType::Subscription, size, .. }))] =
            prepared.as_mut_slice()
        {
            let operation = std::mem::replace(operation, Operation::new(""));
            return EventStream::open(self, operation, *size, &asker, parts).map(Answers::Events);
        }
        let is_public = is_safe(&parts.method)
            && !PERSONAL.iter().any(|name| parts.headers.contains_key(name))
            && prepared
                .iter()
                .all(|prepared| matches!(prepared, Ok((_, OperationInfo { is_public: true, .. }))));
        let operations = prepared.into_iter().map(|prepared| prepared.map(|(operation, _)| operation));
        let mut answers = self.execute_all(operations.collect(), &asker).await?;
        match answers.pop() {
            Some(answer) if is_public && !is_batch => Ok(Answers::Public(answer)),
            Some(answer) if !is_batch => Ok(Answers::One(answer)),
            last => Ok(Answers::Batch(answers.into_iter().chain(last).collect())),
        }
    }

    /// Holds the operations against what they may be. A limit is one of the whole batch, and so is its
    /// refusal; any other fault is that of its operation.
    fn prepare(
        &self,
        operations: Vec<Result<Operation, ApiError>>,
        is_batch: bool,
        parts: &Parts,
        caller: &Caller,
    ) -> Result<Vec<Result<Checked, ApiError>>, Refusal> {
        let may_stream = !is_batch && accepts_events(&parts.headers);
        let mut tally = RequestTotals::default();
        let mut prepared = Vec::with_capacity(operations.len());
        for operation in operations {
            let checked = operation.and_then(|operation| self.check(operation, caller, &mut tally));
            prepared.push(match checked {
                Ok((_, OperationInfo { kind: OperationType::Mutation, .. })) if is_safe(&parts.method) => {
                    let failure = ApiError::bad_user_input("GET is for queries; send a mutation by POST.");
                    return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, failure));
                }
                Ok((_, OperationInfo { kind: OperationType::Subscription, .. })) if !may_stream => {
                    let message = "A subscription is answered over a WebSocket, or alone and with \
                                   `Accept: text/event-stream`.";
                    return Err(Refusal(StatusCode::NOT_ACCEPTABLE, ApiError::bad_user_input(message)));
                }
                Err(failure) if is_batch && failure.code == ErrorCode::LimitExceeded => {
                    return Err(Refusal(StatusCode::BAD_REQUEST, failure));
                }
                Err(failure) if !is_batch && failure.code == ErrorCode::UntrustedDocument => {
                    return Err(Refusal(StatusCode::FORBIDDEN, failure));
                }
                checked => checked,
            });
        }
        Ok(prepared)
    }

    fn check(
        &self,
        mut operation: Operation,
        caller: &Caller,
        tally: &mut RequestTotals,
    ) -> Result<Checked, ApiError> {
        let document = self.documents.find(&operation)?;
        let found = prepare(&mut operation, &document, &self.graphql, self.fields, tally)?;
        if found.introspects {
            self.allow_introspection(caller)?;
        }
        Ok((operation, found))
    }

    fn allow_introspection(&self, caller: &Caller) -> Result<(), ApiError> {
        match (self.graphql.introspection, caller) {
            (Introspection::Everyone, _) | (Introspection::SignedIn, Caller::Authenticated(_)) => Ok(()),
            (Introspection::SignedIn, Caller::Anonymous(why)) => Err(ApiError::unauthenticated(*why)),
            (Introspection::Off, _) => {
                Err(ApiError::new(ErrorCode::ValidationFailed, "This server does not tell its schema."))
            }
        }
    }

    /// Holds an operation that came alone against what it may be, and begins it where that is for the caller
    /// to do.
    pub(super) fn start(&self, operation: Operation, asker: &Asker) -> Result<Started, ApiError> {
        let (mut operation, OperationInfo { kind, size, .. }) =
            self.check(operation, &asker.caller, &mut RequestTotals::default())?;
        asker.introduce(&mut operation);
        Ok(match kind {
            OperationType::Subscription => Started::Events(self.events(operation), size),
            OperationType::Query | OperationType::Mutation => Started::Once(operation.into(), size),
        })
    }
}
