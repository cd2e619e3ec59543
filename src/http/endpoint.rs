use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_graphql::{
    Executor, Request as Operation, Response as Answer, ServerError, parser::types::OperationType,
};
use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header::ALLOW, request::Parts},
    response::Response,
};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{
    Gate, Proxies, RequestId, cookie,
    media::Media,
    origin,
    request::{self, Asked, Refusal, is_safe},
    respond,
};
use crate::{
    config::{GraphqlConfig, HttpConfig, Introspection},
    graphql::{Code, Failure, Tally, VoidSession, prepare},
    tokens::Caller,
};

/// GraphQL over HTTP, before any executor.
pub struct Endpoint<E> {
    /// What answers.
    pub executor: E,
    /// Who asks.
    pub gate: Gate,
    /// Whose word on the client's address is taken.
    pub proxies: Proxies,
    /// Limits of the request.
    pub http: HttpConfig,
    /// Limits of the operation.
    pub graphql: GraphqlConfig,
    /// The mutations that check a password, of which a request may hold one.
    pub password_fields: &'static [&'static str],
    /// One for each request that may be executed at once.
    pub permits: Arc<Semaphore>,
    /// Where operations run, so that one that has begun goes on when its client hangs up.
    pub tasks: TaskTracker,
}

/// Answers a GraphQL request.
pub async fn graphql<E: Executor>(
    State(endpoint): State<Arc<Endpoint<E>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(media) = Media::negotiate(&parts.headers) else {
        let message = "The response can be application/graphql-response+json or application/json.";
        let failure = Failure::bad_input(message);
        return respond::failure(failure, StatusCode::NOT_ACCEPTABLE, Media::Json, &request_id);
    };
    match endpoint.answer(peer, &parts, body).await {
        Ok(Answers::One(answer)) => respond::answer(answer, media, &request_id),
        Ok(Answers::Batch(answers)) => respond::batch(answers, media, &request_id),
        Err(Refusal(status, failure)) => {
            let mut response = respond::failure(failure, status, media, &request_id);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            }
            response
        }
    }
}

/// What a request is answered with.
enum Answers {
    One(Answer),
    Batch(Vec<Answer>),
}

impl<E: Executor> Endpoint<E> {
    async fn answer(&self, peer: SocketAddr, parts: &Parts, body: Body) -> Result<Answers, Refusal> {
        let Asked { operations, is_batch } =
            request::read(parts, body, &self.http, self.graphql.max_batch).await?;
        let caller = self.gate.caller(&parts.headers);
        let mut operations = self.prepare(operations, is_batch, parts, &caller)?;
        self.introduce(&mut operations, peer, parts, &caller)?;
        let mut answers = self.execute(operations).await?;
        match answers.pop() {
            Some(answer) if !is_batch => Ok(Answers::One(answer)),
            last => Ok(Answers::Batch(answers.into_iter().chain(last).collect())),
        }
    }

    /// Holds the operations against what they may be. A limit is one of the whole batch, and so is its
    /// refusal; any other fault is that of its operation.
    fn prepare(
        &self,
        operations: Vec<Result<Operation, Failure>>,
        is_batch: bool,
        parts: &Parts,
        caller: &Caller,
    ) -> Result<Vec<Result<Operation, Failure>>, Refusal> {
        let mut tally = Tally::default();
        let mut prepared = Vec::with_capacity(operations.len());
        for operation in operations {
            let checked = operation.and_then(|operation| self.check(operation, caller, &mut tally));
            prepared.push(match checked {
                Ok((_, kind)) if is_safe(&parts.method) && kind != OperationType::Query => {
                    let failure = Failure::bad_input("GET is for queries; send a mutation by POST.");
                    return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, failure));
                }
                Err(failure) if is_batch && failure.code == Code::LimitExceeded => {
                    return Err(Refusal(StatusCode::BAD_REQUEST, failure));
                }
                checked => checked.map(|(operation, _)| operation),
            });
        }
        Ok(prepared)
    }

    fn check(
        &self,
        mut operation: Operation,
        caller: &Caller,
        tally: &mut Tally,
    ) -> Result<(Operation, OperationType), Failure> {
        let found = prepare(&mut operation, &self.graphql, self.password_fields, tally)?;
        if found.introspects {
            self.allow_introspection(caller)?;
        }
        Ok((operation, found.kind))
    }

    fn allow_introspection(&self, caller: &Caller) -> Result<(), Failure> {
        match (self.graphql.introspection, caller) {
            (Introspection::Everyone, _) | (Introspection::SignedIn, Caller::Authenticated(_)) => Ok(()),
            (Introspection::SignedIn, Caller::Anonymous(why)) => Err(Failure::unauthenticated(*why)),
            (Introspection::Off, _) => {
                Err(Failure::new(Code::ValidationFailed, "This server does not tell its schema."))
            }
        }
    }

    /// Tells the operations who asks.
    fn introduce(
        &self,
        operations: &mut [Result<Operation, Failure>],
        peer: SocketAddr,
        parts: &Parts,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let cookie = cookie::read_refresh_cookie(&parts.headers, self.http.cookies);
        if cookie.0.is_some() && origin::is_foreign(parts, &self.http) {
            let message = "A page of an origin that is not in http.cors_origins cannot use the cookie.";
            return Err(Refusal(StatusCode::FORBIDDEN, Failure::new(Code::Forbidden, message)));
        }
        let void = VoidSession(self.gate.void_session(&parts.headers, caller));
        let client = self.proxies.client(peer, &parts.headers);
        for data in operations.iter_mut().flatten().map(|operation| &mut operation.data) {
            data.insert(caller.clone());
            data.insert(void);
            data.insert(client.clone());
            data.insert(cookie.clone());
        }
        Ok(())
    }

    /// Executes the operations, one after the other.
    async fn execute(&self, operations: Vec<Result<Operation, Failure>>) -> Result<Vec<Answer>, Refusal> {
        // Held by what is executed, for that goes on when nobody waits for it any longer.
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!("a request was refused, for there are http.max_concurrent_requests already");
            let mut failure = Failure::unavailable(Duration::from_secs(1));
            failure.message = "There are http.max_concurrent_requests already; try again soon.".into();
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, failure));
        };
        let executor = self.executor.clone();
        let execution = async move {
            let _permit = permit;
            let mut answers = Vec::with_capacity(operations.len());
            for operation in operations {
                answers.push(match operation {
                    Ok(operation) => executor.execute(operation).await,
                    Err(failure) => Answer::from_errors(vec![ServerError::from(failure)]),
                });
            }
            answers
        };
        let execution = self.tasks.spawn(execution.in_current_span());
        match tokio::time::timeout(self.http.request_timeout, execution).await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(_)) => {
                tracing::error!("an operation panicked");
                Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, Failure::masked()))
            }
            Err(_) => {
                tracing::warn!("the request took longer than http.request_timeout");
                let failure = Failure::unavailable(Duration::from_secs(1));
                Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, failure))
            }
        }
    }
}
