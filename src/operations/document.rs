use std::{collections::HashMap, fmt};

use async_graphql::{
    Name,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
};

use super::{escapes, lexer::LexicalStats, limits::DocumentLimits, variables};
use crate::{
    config::GraphqlConfig,
    graphql::{ApiError, ErrorCode},
};

/// A parsed document that respects the limits of documents. The limits of its operations also depend on the request:
/// see [`DocumentStore::prepare`](super::DocumentStore::prepare).
pub struct Document {
    pub(super) parsed: ExecutableDocument,
    /// The approximate memory of the document, in bytes.
    pub(super) size: usize,
    /// The number of uses of each variable in the arguments.
    pub(super) uses: HashMap<Name, usize>,
    /// Whether the text may contain a password. Such a document is never cached: a persisted-query lookup by hash
    /// would let an attacker test password guesses without the login throttle.
    pub(super) may_hold_secrets: bool,
}

impl Document {
    /// Parses a document and checks its limits.
    ///
    /// # Errors
    /// `GRAPHQL_PARSE_FAILED` or `OPERATION_LIMIT_EXCEEDED`.
    pub fn parse(text: &str, limits: &GraphqlConfig) -> Result<Self, ApiError> {
        let stats = LexicalStats::scan(text);
        let parsed = parse(text, &stats, limits.max_tokens)?;
        DocumentLimits::check(&parsed, limits)?;
        let has_mutation =
            parsed.operations.iter().any(|(_, operation)| operation.node.ty == OperationType::Mutation);
        let may_hold_secrets = has_mutation && text.contains('"');
        let uses = variables::count_uses(&parsed);
        Ok(Self { parsed, size: text.len() + stats.tokens * BYTES_PER_TOKEN, uses, may_hold_secrets })
    }

    /// The operation that a request selects (GraphQL specification §6.1).
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, ApiError> {
        let unknown = |message| ApiError::new(ErrorCode::ValidationFailed, message);
        match (&self.parsed.operations, name) {
            (DocumentOperations::Single(operation), None) => Ok(&operation.node),
            (DocumentOperations::Multiple(operations), None) => match operations.values().next() {
                Some(operation) if operations.len() == 1 => Ok(&operation.node),
                _ => {
                    let message = "The document has several operations. Set operationName to one of them.";
                    Err(unknown(message.into()))
                }
            },
            (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
                Ok(&operations[name].node)
            }
            (_, Some(name)) => Err(unknown(format!("The document has no operation named \"{name}\"."))),
        }
    }
}

impl fmt::Debug for Document {
    /// Omits the content, because it may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Maximum memory of a parsed document per token, in bytes. The largest measured value is 268, for inline fragments
/// of one field.
const BYTES_PER_TOKEN: usize = 280;

/// Parses a document after its tokens and brackets were checked. The parser recurses at each bracket, and parsing and
/// validation take time and memory for each token.
fn parse(query: &str, stats: &LexicalStats, max_tokens: usize) -> Result<ExecutableDocument, ApiError> {
    const MAX_BRACKETS: usize = 64;
    // Validation quotes an invalid name in one error for each operation that uses it.
    const MAX_NAME_BYTES: usize = 1024;
    for (count, max, name) in [
        (stats.tokens, max_tokens, "graphql.max_tokens"),
        (stats.brackets, MAX_BRACKETS, "the depth of brackets"),
        (stats.longest_name, MAX_NAME_BYTES, "the length of a name"),
    ] {
        if count > max {
            return Err(ApiError::limit_exceeded(name, max));
        }
    }
    let query = escapes::resolve(query, &stats.escaped)?;
    parse_query(&*query).map_err(|error| {
        let message = error.to_string();
        // The parser quotes the line of the error, which may contain a password. Only the reason is kept.
        let reason = message.rsplit_once(" = ").map_or(&*message, |(_, reason)| reason);
        let position = error.positions().next().map(|at| format!(" at {}:{}", at.line, at.column));
        ApiError::new(
            ErrorCode::ParseFailed,
            format!("Syntax error{}: {reason}.", position.unwrap_or_default()),
        )
    })
}
