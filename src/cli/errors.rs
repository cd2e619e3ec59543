use std::io::{self, Write};

use async_graphql::parser::{
    parse_schema,
    types::{TypeDefinition, TypeKind, TypeSystemDefinition},
};
use strum::{EnumMessage, VariantArray};

use super::error::CliError;
use crate::{
    graphql::{ErrorCode, ErrorExtension, INSUFFICIENT_USER_AUTHENTICATION, SESSION_REQUIRED},
    schema::Roots,
    tokens::TokenError,
};

/// The introduction of the page.
const ABOUT: &str = "\
# Errors

<!-- `portcullis errors` writes this page from the code. -->

Every error response has the same shape, in whichever part of the server the error occurs:

```json
{
  \"errors\": [
    {
      \"message\": \"The access token has expired; refresh it.\",
      \"locations\": [{ \"line\": 1, \"column\": 3 }],
      \"path\": [\"me\"],
      \"extensions\": { \"code\": \"UNAUTHENTICATED\", \"reason\": \"TOKEN_EXPIRED\", \"requestId\": \"…\" }
    }
  ],
  \"data\": { \"me\": null }
}
```

Branch on `extensions.code`. The `message` is for people and may change. `requestId` equals the `x-request-id` header
of the response, and identifies the request in the server's log. `data` is absent if nothing was executed. `path` is
present if a field failed. Only malformed HTTP requests and oversized headers get a status without a body (400, 414,
431).";

/// All errors outside of payloads: the cause, the code, and the status of the response as `application/json` and as
/// `application/graphql-response+json`. A test provokes each of them.
const REFUSALS: [(&str, ErrorCode, u16, u16); 45] = [
    ("The path does not exist.", ErrorCode::BadUserInput, 404, 404),
    ("The path does not support the method.", ErrorCode::BadUserInput, 405, 405),
    ("The request has no `Host`, or several.", ErrorCode::BadUserInput, 400, 400),
    ("The `Host` of the request is not one of the server's.", ErrorCode::BadUserInput, 421, 421),
    ("A mutation was sent by GET.", ErrorCode::BadUserInput, 405, 405),
    ("`Accept` contains no supported media type.", ErrorCode::BadUserInput, 406, 406),
    (
        "A subscription was sent without a WebSocket and without `Accept: text/event-stream`.",
        ErrorCode::BadUserInput,
        406,
        406,
    ),
    ("The WebSocket handshake is invalid, or lacks the subprotocol.", ErrorCode::BadUserInput, 400, 400),
    ("A page of an origin that is not allowed opened a WebSocket.", ErrorCode::Forbidden, 403, 403),
    ("The address or the session has too many open streams.", ErrorCode::LimitExceeded, 429, 429),
    ("The server has `http.streams.max_open` open streams.", ErrorCode::ServiceUnavailable, 503, 503),
    ("A form on another site could have sent the request (CSRF).", ErrorCode::BadUserInput, 415, 415),
    ("A page of an origin that is not allowed used the cookie.", ErrorCode::Forbidden, 403, 403),
    ("The body did not arrive in time.", ErrorCode::BadUserInput, 408, 408),
    ("The body is larger than `http.max_body_bytes`.", ErrorCode::LimitExceeded, 413, 413),
    ("The address exceeds its quota of `http.max_buffered_bytes`.", ErrorCode::ServiceUnavailable, 429, 429),
    (
        "All request bodies together exceed `http.max_buffered_bytes`.",
        ErrorCode::ServiceUnavailable,
        503,
        503,
    ),
    ("The body or the query string is not a GraphQL request.", ErrorCode::BadUserInput, 400, 400),
    ("A batch exceeds a limit.", ErrorCode::LimitExceeded, 400, 400),
    ("The document is not GraphQL.", ErrorCode::ParseFailed, 200, 400),
    ("The document exceeds a limit.", ErrorCode::LimitExceeded, 200, 400),
    ("The document is not valid for the schema.", ErrorCode::ValidationFailed, 200, 400),
    (
        "The hash of a document is malformed, or is the hash of another document.",
        ErrorCode::BadUserInput,
        200,
        400,
    ),
    (
        "Only the hash of a document was sent, and the server does not know it.",
        ErrorCode::PersistedQueryNotFound,
        200,
        400,
    ),
    (
        "Only the hash was sent, and `graphql.documents` is `in_full`.",
        ErrorCode::PersistedQueryNotSupported,
        200,
        400,
    ),
    (
        "The document is not trusted, and the server executes only trusted ones.",
        ErrorCode::UntrustedDocument,
        403,
        403,
    ),
    ("The document does not contain the requested operation.", ErrorCode::ValidationFailed, 200, 400),
    ("A variable has the wrong type or is missing.", ErrorCode::BadUserInput, 200, 400),
    ("Introspection is disabled.", ErrorCode::ValidationFailed, 200, 400),
    ("Introspection requires a token, and the request has none.", ErrorCode::Unauthenticated, 200, 400),
    ("A field requires a token.", ErrorCode::Unauthenticated, 200, 200),
    ("A field requires a scope.", ErrorCode::Forbidden, 200, 200),
    ("A field requires a role.", ErrorCode::Forbidden, 200, 200),
    ("A field requires a recent login.", ErrorCode::Unauthenticated, 200, 200),
    ("A field accepts no personal access token.", ErrorCode::Forbidden, 200, 200),
    (
        "An operation checks or sets a credential, and has a personal access token.",
        ErrorCode::Forbidden,
        200,
        400,
    ),
    ("A field requires the owner of an object.", ErrorCode::Forbidden, 200, 200),
    ("An argument is out of range.", ErrorCode::BadUserInput, 200, 200),
    ("A refresh was repeated within the grace period more than twice.", ErrorCode::RateLimited, 200, 200),
    (
        "The database is unavailable, or too many passwords are waiting to be hashed.",
        ErrorCode::ServiceUnavailable,
        200,
        200,
    ),
    ("The account or the address has too many concurrent requests.", ErrorCode::ServiceUnavailable, 429, 429),
    ("The server executes `http.max_concurrent_requests` requests.", ErrorCode::ServiceUnavailable, 503, 503),
    ("A resolver failed.", ErrorCode::Internal, 200, 200),
    ("The operation took longer than `http.request_timeout`.", ErrorCode::ServiceUnavailable, 503, 503),
    ("A resolver or a handler panicked.", ErrorCode::Internal, 500, 500),
];

/// The meaning of the reason [`INSUFFICIENT_USER_AUTHENTICATION`].
const STEP_UP: &str = "The token is valid, but the login is older than `maxAge` or of a class that is not in `acrValues`. \
                       Call `reauthenticate` or log in again, and repeat the operation.";

/// The meaning of the reason [`SESSION_REQUIRED`].
const NO_SESSION: &str = "The token is a personal access token, or was exchanged for one. The field requires the access \
                          token of a session: sign in.";

/// The text about errors in payloads.
const USER_ERRORS: &str = "\
These errors are data: the `errors` of a mutation's payload. Each has a `code`, a `message` for people, and the `field`
of the input. `RATE_LIMITED` also has `retryAfter`, in seconds. The status is 200.";

/// Prints `docs/errors.md`.
pub(super) fn run(out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{ABOUT}")?;
    let quoted = |word: &str| format!("`{word}`");
    let extensions = |code: ErrorCode| {
        let words = code.extensions().iter().map(|extension| quoted(extension.into()));
        words.collect::<Vec<_>>().join(", ")
    };
    let codes = ErrorCode::VARIANTS;
    let codes = codes.iter().map(|code| [quoted(code.into()), meaning(code), extensions(*code)]);
    table(out, "Codes", ["`extensions.code`", "meaning", "other members of `extensions`"], codes)?;

    let more = ErrorExtension::VARIANTS.iter().map(|more| [quoted(more.into()), meaning(more)]);
    table(out, "Other members of `extensions`", ["member", "content"], more)?;

    // The server has its own keys, so it can always verify tokens.
    let reasons = TokenError::VARIANTS.iter().filter(|reason| **reason != TokenError::Unverifiable);
    let reasons = reasons.map(|reason| [quoted(reason.into()), meaning(reason)]);
    let reasons = reasons.chain([
        [quoted(INSUFFICIENT_USER_AUTHENTICATION), STEP_UP.to_owned()],
        [quoted(SESSION_REQUIRED), NO_SESSION.to_owned()],
    ]);
    table(out, "Reasons", ["`extensions.reason`", "meaning"], reasons)?;

    let statuses = REFUSALS.map(|(cause, code, json, graphql)| {
        [cause.to_owned(), quoted(code.into()), json.to_string(), graphql.to_string()]
    });
    let head = ["cause", "code", "`application/json`", "`application/graphql-response+json`"];
    table(out, "HTTP statuses", head, statuses)?;

    let rows = user_errors().into_iter().map(|(code, meaning)| [quoted(&code), meaning]);
    table(out, "User errors", ["`code`", "meaning"], rows)?;
    Ok(writeln!(out, "\n{USER_ERRORS}")?)
}

/// The doc comment of a variant, as one line.
fn meaning(variant: &impl EnumMessage) -> String {
    variant.get_documentation().unwrap_or_default().trim_end().replace('\n', " ")
}

/// Writes a section with one table.
fn table<const COLUMNS: usize>(
    out: &mut dyn Write,
    title: &str,
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> io::Result<()> {
    writeln!(out, "\n## {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(COLUMNS))?;
    rows.into_iter().try_for_each(|row| writeln!(out, "| {} |", row.join(" | ")))
}

/// The values of the schema's `UserErrorCode`, with their descriptions.
fn user_errors() -> Vec<(String, String)> {
    let document = parse_schema(<Roots>::default().sdl()).expect("the server's own schema is valid");
    let values = document.definitions.into_iter().find_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => values_of(ty.node, "UserErrorCode"),
        _ => None,
    });
    values.expect("the schema has this enum")
}

fn values_of(ty: TypeDefinition, name: &str) -> Option<Vec<(String, String)>> {
    let TypeKind::Enum(values) = ty.kind else { return None };
    let values = values.values.into_iter().map(|value| {
        let meaning = value.node.description.map_or_else(String::new, |meaning| meaning.node);
        (value.node.value.node.to_string(), meaning.replace('\n', " "))
    });
    (ty.name.node == name).then(|| values.collect())
}
