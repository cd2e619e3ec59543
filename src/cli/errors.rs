use std::io::{self, Write};

use async_graphql::parser::{
    parse_schema,
    types::{TypeDefinition, TypeKind, TypeSystemDefinition},
};

use super::error::CliError;
use crate::{
    graphql::{ErrorCode, ErrorExtension},
    tokens::TokenError,
};

/// What is said of all errors.
const ABOUT: &str = "\
# Errors

<!-- `portcullis errors` writes this page from the code. -->

Every answer that is not data has one shape, whichever part of the server gives it:

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

Branch on `extensions.code`; the `message` is for people and may change. `requestId` is the `x-request-id` of the
answer and finds the request in the server's log. `data` is missing where nothing was executed; `path` is there
where a field failed. Only what is no HTTP request, or has too large a header, is refused by a status alone (400,
414, 431).";

/// Everything that goes wrong outside of a payload: what, its code, and the status of the answer as
/// `application/json` and as `application/graphql-response+json`. A test provokes each.
const REFUSALS: [(&str, ErrorCode, u16, u16); 40] = [
    ("The path does not exist.", ErrorCode::BadUserInput, 404, 404),
    ("The path does not know the method.", ErrorCode::BadUserInput, 405, 405),
    ("The request names no host, or several.", ErrorCode::BadUserInput, 400, 400),
    ("The request names a host that is not the server's.", ErrorCode::BadUserInput, 421, 421),
    ("A mutation came by GET.", ErrorCode::BadUserInput, 405, 405),
    ("`Accept` names no media type that there is.", ErrorCode::BadUserInput, 406, 406),
    (
        "A subscription came neither over a WebSocket nor for an event stream.",
        ErrorCode::BadUserInput,
        406,
        406,
    ),
    ("A WebSocket was asked for wrongly, or without its protocol.", ErrorCode::BadUserInput, 400, 400),
    ("A page of an origin that is not listed opened a WebSocket.", ErrorCode::Forbidden, 403, 403),
    ("There are too many streams from an address, or of a session.", ErrorCode::LimitExceeded, 429, 429),
    ("There are `http.streams.max_open` already.", ErrorCode::ServiceUnavailable, 503, 503),
    ("The form of another site could have sent the request.", ErrorCode::BadUserInput, 415, 415),
    ("A page of an origin that is not listed used the cookie.", ErrorCode::Forbidden, 403, 403),
    ("The body did not arrive in time.", ErrorCode::BadUserInput, 408, 408),
    ("The body is larger than `http.max_body_bytes`.", ErrorCode::LimitExceeded, 413, 413),
    ("The address has its share of `http.max_buffered_bytes`.", ErrorCode::ServiceUnavailable, 429, 429),
    ("The bodies that are read take `http.max_buffered_bytes`.", ErrorCode::ServiceUnavailable, 503, 503),
    ("The body, or the query string, is no GraphQL request.", ErrorCode::BadUserInput, 400, 400),
    ("A batch exceeds a limit.", ErrorCode::LimitExceeded, 400, 400),
    ("The document is not GraphQL.", ErrorCode::ParseFailed, 200, 400),
    ("The document exceeds a limit.", ErrorCode::LimitExceeded, 200, 400),
    ("The document does not fit the schema.", ErrorCode::ValidationFailed, 200, 400),
    ("The hash of a document is none, or not that of the document.", ErrorCode::BadUserInput, 200, 400),
    (
        "Only the hash of a document was sent, which is not known here.",
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
    ("The document is not trusted, and no others are executed.", ErrorCode::UntrustedDocument, 403, 403),
    ("The document has no such operation.", ErrorCode::ValidationFailed, 200, 400),
    ("A variable has the wrong type, or is missing.", ErrorCode::BadUserInput, 200, 400),
    ("The schema is asked for where nobody may see it.", ErrorCode::ValidationFailed, 200, 400),
    ("The schema is asked for where only the signed-in may see it.", ErrorCode::Unauthenticated, 200, 400),
    ("A field wants a token.", ErrorCode::Unauthenticated, 200, 200),
    ("A field wants a scope.", ErrorCode::Forbidden, 200, 200),
    ("An argument is out of range.", ErrorCode::BadUserInput, 200, 200),
    ("A refresh was repeated within the grace period more than twice.", ErrorCode::RateLimited, 200, 200),
    (
        "The database is away, or too many passwords wait to be hashed.",
        ErrorCode::ServiceUnavailable,
        200,
        200,
    ),
    (
        "The account or the address has its share of what is executed.",
        ErrorCode::ServiceUnavailable,
        429,
        429,
    ),
    ("There are `http.max_concurrent_requests` already.", ErrorCode::ServiceUnavailable, 503, 503),
    ("A resolver failed.", ErrorCode::Internal, 200, 200),
    ("The operation took longer than `http.request_timeout`.", ErrorCode::ServiceUnavailable, 503, 503),
    ("A resolver or a handler panicked.", ErrorCode::Internal, 500, 500),
];

/// What is said of errors that are data.
const USER_ERRORS: &str = "\
These are data: the `errors` of a mutation's payload, each with a `code`, a `message` for people, the `field` of
the input, and `retryAfter` with `RATE_LIMITED`. The status is 200.";

/// Prints `docs/errors.md`.
pub(super) fn run(out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "{ABOUT}")?;
    let quoted = |word: &str| format!("`{word}`");
    let extensions = |code: ErrorCode| {
        let words = code.extensions().iter().map(|extension| quoted(extension.as_str()));
        words.collect::<Vec<_>>().join(", ")
    };
    let codes =
        ErrorCode::ALL.map(|code| [quoted(code.as_str()), code.meaning().to_owned(), extensions(code)]);
    table(out, "Codes", ["`extensions.code`", "what it means", "more in `extensions`"], codes)?;

    let more = ErrorExtension::ALL.map(|more| [quoted(more.as_str()), more.meaning().to_owned()]);
    table(out, "More in `extensions`", ["member", "what it holds"], more)?;

    let reasons = TokenError::ALL.map(|reason| [quoted(reason.as_str()), reason.meaning().to_owned()]);
    table(out, "Reasons", ["`extensions.reason`", "what it means"], reasons)?;

    let statuses = REFUSALS.map(|(what, code, json, graphql)| {
        [what.to_owned(), quoted(code.as_str()), json.to_string(), graphql.to_string()]
    });
    let head = ["what happened", "code", "`application/json`", "`application/graphql-response+json`"];
    table(out, "HTTP statuses", head, statuses)?;

    let rows = user_errors().into_iter().map(|(code, meaning)| [quoted(&code), meaning]);
    table(out, "Errors of the user", ["`code`", "what it means"], rows)?;
    Ok(writeln!(out, "\n{USER_ERRORS}")?)
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

/// The values of the schema's `UserErrorCode` and what they mean.
fn user_errors() -> Vec<(String, String)> {
    let document = parse_schema(crate::schema::sdl()).expect("our own schema is one");
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
