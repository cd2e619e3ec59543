use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_graphql::{Executor, Request as Operation, parser::types::OperationType};
use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, request::Parts},
    response::Response,
};
use serde::Deserialize;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{
    Gate, Proxies, RequestId, cookie,
    media::{Media, is_json},
    respond,
};
use crate::{
    config::{GraphqlConfig, HttpConfig, Introspection},
    graphql::{Code, Failure, VoidSession, prepare},
    tokens::Caller,
};

/// A header with which a POST that is not JSON shows that no form has sent it, as Apollo clients do.
const PREFLIGHT_HEADERS: [&str; 3] =
    ["x-apollo-operation-name", "apollo-require-preflight", "x-requested-with"];

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
    /// The mutations that check a password, of which an operation may hold one.
    pub password_fields: &'static [&'static str],
    /// Where operations run, so that one that has begun goes on when its client hangs up.
    pub tasks: TaskTracker,
}

/// A request that does not reach the executor, and its status.
struct Refusal(StatusCode, Failure);

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
    let mut operation = match endpoint.read(&parts, body).await {
        Ok(operation) => operation,
        Err(Refusal(status, failure)) => return respond::failure(failure, status, media, &request_id),
    };
    let refuse = |failure| {
        let status = match media {
            Media::Json => StatusCode::OK,
            Media::GraphqlResponse => StatusCode::BAD_REQUEST,
        };
        respond::failure(failure, status, media, &request_id)
    };
    let prepared = match prepare(&mut operation, &endpoint.graphql, endpoint.password_fields) {
        Ok(prepared) => prepared,
        Err(failure) => return refuse(failure),
    };
    if is_safe(&parts.method) && prepared.kind != OperationType::Query {
        return respond::only_post(media, &request_id);
    }
    let caller = endpoint.gate.caller(&parts.headers);
    if prepared.introspects
        && let Err(failure) = endpoint.allow_introspection(&caller)
    {
        return refuse(failure);
    }
    let void = VoidSession(endpoint.gate.void_session(&parts.headers, &caller));
    let operation = operation
        .data(caller)
        .data(void)
        .data(endpoint.proxies.client(peer, &parts.headers))
        .data(cookie::read_refresh_cookie(&parts.headers));
    let executor = endpoint.executor.clone();
    let execution = async move { executor.execute(operation).await }.in_current_span();
    match tokio::time::timeout(endpoint.http.request_timeout, endpoint.tasks.spawn(execution)).await {
        Ok(Ok(answer)) => respond::answer(answer, media, &request_id),
        Ok(Err(_)) => {
            tracing::error!("an operation panicked");
            respond::failure(Failure::masked(), StatusCode::INTERNAL_SERVER_ERROR, media, &request_id)
        }
        Err(_) => {
            tracing::warn!("the request took longer than http.request_timeout");
            let failure = Failure::unavailable(Duration::from_secs(1));
            respond::failure(failure, StatusCode::SERVICE_UNAVAILABLE, media, &request_id)
        }
    }
}

/// GET and HEAD change nothing (RFC 9110 §9.2.1).
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

impl<E> Endpoint<E> {
    async fn read(&self, parts: &Parts, body: Body) -> Result<Operation, Refusal> {
        let bad = |message: String| Refusal(StatusCode::BAD_REQUEST, Failure::bad_input(message));
        if is_safe(&parts.method) {
            return required(from_query_string(&parts.uri).map_err(bad)?);
        }
        refuse_forgery(&parts.headers)?;
        let most = self.http.max_body_bytes;
        let deadline = tokio::time::timeout(self.http.request_timeout, to_bytes(body, most)).await;
        let body = deadline
            .map_err(|_| {
                Refusal(StatusCode::REQUEST_TIMEOUT, Failure::bad_input("The body did not arrive in time."))
            })?
            .map_err(|error| too_large_or_broken(&error, most))?;
        // Serde would take a list of the members' values as well.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("The body is not a GraphQL request: it must be a JSON object.".to_owned()));
        }
        let operation = serde_json::from_slice(&body).map_err(|error| bad(json_fault("The body", &error)))?;
        required(operation)
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
}

/// Reads a request from the parameters of a URL (GraphQL over HTTP §6.2).
fn from_query_string(uri: &Uri) -> Result<Operation, String> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Parameters {
        query: String,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
    }
    let Query(parameters) = Query::<Parameters>::try_from_uri(uri)
        .map_err(|_| "The query string is not a GraphQL request: a parameter is there twice.".to_owned())?;
    let mut operation = Operation::new(parameters.query);
    operation.operation_name = parameters.operation_name.filter(|name| !name.is_empty());
    if let Some(text) = parameters.variables {
        operation.variables =
            serde_json::from_str(&text).map_err(|error| json_fault("The parameter variables", &error))?;
    }
    if let Some(text) = parameters.extensions {
        operation.extensions =
            serde_json::from_str(&text).map_err(|error| json_fault("The parameter extensions", &error))?;
    }
    Ok(operation)
}

/// What is wrong with a piece of JSON. It never repeats what stands there, for that may be a password.
fn json_fault(what: &str, error: &serde_json::Error) -> String {
    if error.classify() == serde_json::error::Category::Data {
        let place = format!("line {} column {}", error.line(), error.column());
        format!(
            "{what} is not of a GraphQL request: the value at {place} has the wrong type, or is there twice."
        )
    } else {
        format!("{what} is not JSON: {error}.")
    }
}

/// The parameter `query` has no default (GraphQL over HTTP §5.1).
fn required(operation: Operation) -> Result<Operation, Refusal> {
    if !operation.query.is_empty() {
        return Ok(operation);
    }
    if operation.extensions.contains_key("persistedQuery") {
        // Apollo clients then send the document in full, at once and from then on.
        let failure = Failure::new(Code::PersistedQueryNotSupported, "PersistedQueryNotSupported");
        return Err(Refusal(StatusCode::OK, failure));
    }
    Err(Refusal(StatusCode::BAD_REQUEST, Failure::bad_input("The request has no query.")))
}

/// Refuses a POST that the form of another site could have sent with the user's cookies.
fn refuse_forgery(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_json(headers) || PREFLIGHT_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        return Ok(());
    }
    let message = "Send the request as application/json.";
    Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, Failure::bad_input(message)))
}

fn too_large_or_broken(error: &axum::Error, most: usize) -> Refusal {
    use std::error::Error as _;
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return Refusal(StatusCode::PAYLOAD_TOO_LARGE, Failure::limit("http.max_body_bytes", most));
        }
        cause = error.source();
    }
    Refusal(StatusCode::BAD_REQUEST, Failure::bad_input("The body could not be read."))
}
