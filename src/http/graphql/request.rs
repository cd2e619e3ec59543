use async_graphql::Request as GraphqlRequest;
use axum::{
    body::Body,
    extract::Query,
    http::{
        HeaderMap, HeaderName, Method, StatusCode, Uri,
        header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING},
        request::Parts,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{body::BodyReader, media_type::is_json, refusal::RequestError};
use crate::{
    config::HttpConfig,
    graphql::ApiError,
    operations::{RequestFields, WireRequest},
};

/// Headers that a form cannot set. A POST that is not JSON needs one of them, as with Apollo Server's CSRF prevention.
pub(crate) const CSRF_HEADERS: [&str; 4] =
    ["x-apollo-operation-name", "apollo-require-preflight", "graphql-require-preflight", "x-requested-with"];

/// The parsed request: one operation, or a batch. An invalid entry of a batch is an error.
pub(super) struct ParsedRequest {
    pub(super) operations: Vec<Result<GraphqlRequest, ApiError>>,
    pub(super) is_batch: bool,
}

impl ParsedRequest {
    fn one(operation: GraphqlRequest) -> Result<Self, RequestError> {
        Ok(Self { operations: vec![Ok(require_document(operation)?)], is_batch: false })
    }
}

/// GET and HEAD change nothing (RFC 9110 §9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

/// Parses a request of at most `max_batch` operations.
///
/// `async_graphql_axum::GraphQLBatchRequest` cannot replace this parser (8.0.0-rc.5). It reads the body without our
/// limits, and turns an I/O error into a string, so that the statuses 408, 413, 429 and 503 would be lost. Its
/// `BatchRequest` is an untagged enum: a JSON error has no line and column, one invalid entry rejects the whole batch,
/// and `["{ me }"]` is parsed as a request. It drops `documentId` and `doc_id`, and accepts multipart bodies. Its
/// messages quote the input, which can be a password.
pub(super) async fn read(
    parts: &Parts,
    body: Body,
    mut reader: BodyReader,
    limits: &HttpConfig,
    max_batch: usize,
) -> Result<ParsedRequest, RequestError> {
    if is_safe(&parts.method) {
        return ParsedRequest::one(from_query_string(&parts.uri).map_err(bad_request)?);
    }
    if is_encoded(&parts.headers) {
        let message = "The body has a Content-Encoding. Send it without one.";
        return Err(RequestError(StatusCode::UNSUPPORTED_MEDIA_TYPE, ApiError::bad_user_input(message)));
    }
    check_csrf(&parts.headers)?;
    let deadline = tokio::time::timeout(limits.request_timeout, reader.read(body, limits)).await;
    let body = deadline.map_err(|_| {
        RequestError(
            StatusCode::REQUEST_TIMEOUT,
            ApiError::bad_user_input("The body did not arrive in time."),
        )
    })??;
    let body = without_byte_order_mark(&body);
    match body.trim_ascii_start().first() {
        Some(b'[') => from_batch(body, max_batch),
        // Serde would accept an array of the values as well.
        Some(b'{') => {
            let WireRequest(operation) = serde_json::from_slice(body)
                .map_err(|error| bad_request(describe_json_error("The body", &error)))?;
            ParsedRequest::one(operation)
        }
        _ => Err(bad_request("The body is not a GraphQL request: it must be a JSON object.".to_owned())),
    }
}

fn bad_request(message: String) -> RequestError {
    RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input(message))
}

/// Reads an array of requests.
fn from_batch(body: &[u8], max: usize) -> Result<ParsedRequest, RequestError> {
    if max == 1 {
        return Err(bad_request(
            "The body must be a JSON object, because batches are disabled (graphql.max_batch is 1)."
                .to_owned(),
        ));
    }
    let entries: Vec<Map<String, Value>> =
        serde_json::from_slice(body).map_err(|error| bad_request(describe_json_error("The body", &error)))?;
    if entries.is_empty() {
        return Err(bad_request("The batch is empty.".to_owned()));
    }
    if entries.len() > max {
        return Err(RequestError(
            StatusCode::BAD_REQUEST,
            ApiError::limit_exceeded("graphql.max_batch", max),
        ));
    }
    let read = |entry| {
        let parsed = serde_json::from_value(Value::Object(entry));
        let WireRequest(operation) =
            parsed.map_err(|_| ApiError::bad_user_input("This entry is not a GraphQL request."))?;
        require_document(operation).map_err(|RequestError(_, error)| error)
    };
    Ok(ParsedRequest { operations: entries.into_iter().map(read).collect(), is_batch: true })
}

/// Reads a request from the parameters of a URL (GraphQL over HTTP §6.2).
fn from_query_string(uri: &Uri) -> Result<GraphqlRequest, String> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Parameters {
        query: Option<String>,
        operation_name: Option<String>,
        variables: String,
        extensions: String,
        #[serde(alias = "doc_id")]
        document_id: Option<String>,
    }
    let Query(parameters) = Query::<Parameters>::try_from_uri(uri)
        .map_err(|_| "The query string is not a GraphQL request: a parameter occurs twice.".to_owned())?;
    let members = RequestFields {
        query: parameters.query,
        operation_name: parameters.operation_name,
        variables: from_parameter("variables", &parameters.variables)?,
        extensions: from_parameter("extensions", &parameters.extensions)?,
        document_id: parameters.document_id,
    };
    members.into_request().map_err(|why| format!("The query string is not a GraphQL request: {why}."))
}

/// Reads a parameter of a URL that holds JSON. An empty one is treated as absent.
fn from_parameter<T: DeserializeOwned>(name: &str, text: &str) -> Result<Option<T>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).map_err(|error| describe_json_error(&format!("The parameter {name}"), &error))
}

/// A text in UTF-8 without the byte order mark that some editors and clients write first (RFC 8259 §8.1).
fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// The header that names the supported encoding or media type, for the response to an unsupported body.
pub(super) fn supported(headers: &HeaderMap) -> (HeaderName, &'static str) {
    if is_encoded(headers) { (ACCEPT_ENCODING, "identity") } else { (ACCEPT, "application/json") }
}

/// Whether the body has a content coding (RFC 9110 §8.4). None is supported, because a small compressed body can
/// expand to a large one.
fn is_encoded(headers: &HeaderMap) -> bool {
    let is_coding = |coding: &[u8]| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
    let codings =
        headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    codings.map(<[u8]>::trim_ascii).any(is_coding)
}

/// Describes an error in JSON. It never repeats the input, which may be a password.
fn describe_json_error(what: &str, error: &serde_json::Error) -> String {
    if error.classify() == serde_json::error::Category::Data {
        let position = format!("line {} column {}", error.line(), error.column());
        format!(
            "{what} is not a GraphQL request: the value at {position} has the wrong type, or its key occurs twice."
        )
    } else {
        format!("{what} is not JSON: {error}.")
    }
}

/// Requires a document or its id. The parameter `query` has no default (GraphQL over HTTP §5.1).
pub(super) fn require_document(operation: GraphqlRequest) -> Result<GraphqlRequest, RequestError> {
    let id = operation.extensions.get("persistedQuery").filter(|id| **id != async_graphql::Value::Null);
    if !operation.query.is_empty() || id.is_some() {
        return Ok(operation);
    }
    Err(RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input("The request has no query.")))
}

/// Rejects a POST that a form of another site could have sent with the user's cookies (CSRF).
fn check_csrf(headers: &HeaderMap) -> Result<(), RequestError> {
    if is_json(headers) || CSRF_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        return Ok(());
    }
    let message = "The Content-Type is not supported. Send the request as application/json.";
    Err(RequestError(StatusCode::UNSUPPORTED_MEDIA_TYPE, ApiError::bad_user_input(message)))
}
