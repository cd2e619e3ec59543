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

/// A document that was parsed and keeps the limits of one. What an operation of it may be depends on the request as
/// well: see [`prepare`](super::prepare).
pub struct Document {
    pub(super) parsed: ExecutableDocument,
    /// About how much memory it takes, in bytes.
    pub(super) size: usize,
    /// How often each variable stands in it.
    pub(super) uses: HashMap<Name, usize>,
    /// Whether a password may stand in it: whoever guesses the hash of such a document guesses the password, and
    /// nothing would slow them down.
    pub(super) may_hold_secrets: bool,
}

impl Document {
    /// Parses a document and counts it.
    ///
    /// # Errors
    /// `GRAPHQL_PARSE_FAILED` or `OPERATION_LIMIT_EXCEEDED`.
    pub fn parse(text: &str, limits: &GraphqlConfig) -> Result<Self, ApiError> {
        let shape = LexicalStats::scan(text);
        let parsed = parse(text, &shape, limits.max_tokens)?;
        DocumentLimits::check(&parsed, limits)?;
        let has_mutation =
            parsed.operations.iter().any(|(_, operation)| operation.node.ty == OperationType::Mutation);
        let may_hold_secrets = has_mutation && text.contains('"');
        let uses = variables::count_uses(&parsed);
        Ok(Self { parsed, size: text.len() + shape.tokens * BYTES_PER_TOKEN, uses, may_hold_secrets })
    }

    /// The operation that a request means (GraphQL specification §6.1).
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, ApiError> {
        let unknown = |message| ApiError::new(ErrorCode::ValidationFailed, message);
        match (&self.parsed.operations, name) {
            (DocumentOperations::Single(operation), None) => Ok(&operation.node),
            (DocumentOperations::Multiple(operations), None) => match operations.values().next() {
                Some(operation) if operations.len() == 1 => Ok(&operation.node),
                _ => {
                    Err(unknown("The document has several operations; operationName must say which.".into()))
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
    /// Says nothing of what stands in it, for that may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The memory of a parsed document for each of its tokens, at most: inline fragments of one field take the most,
/// 268 bytes, of what was measured.
const BYTES_PER_TOKEN: usize = 280;

/// The parser recurses with the brackets of the document, and both it and the validation take time and
/// memory for every token, so these are counted first.
fn parse(query: &str, shape: &LexicalStats, max_tokens: usize) -> Result<ExecutableDocument, ApiError> {
    const MAX_BRACKETS: usize = 64;
    // Validation repeats a name in an error for each operation that is wrong in the same way.
    const MAX_NAME_BYTES: usize = 1024;
    for (count, most, name) in [
        (shape.tokens, max_tokens, "graphql.max_tokens"),
        (shape.brackets, MAX_BRACKETS, "the depth of brackets"),
        (shape.longest_name, MAX_NAME_BYTES, "the length of a name"),
    ] {
        if count > most {
            return Err(ApiError::limit_exceeded(name, most));
        }
    }
    let query = escapes::resolve(query, &shape.escaped)?;
    parse_query(&*query).map_err(|error| {
        let message = error.to_string();
        // The parser shows the line that it did not understand, and a line may hold a password.
        let fault = message.rsplit_once(" = ").map_or(&*message, |(_, fault)| fault);
        let position = error.positions().next().map(|at| format!(" at {}:{}", at.line, at.column));
        ApiError::new(
            ErrorCode::ParseFailed,
            format!("Syntax error{}: {fault}.", position.unwrap_or_default()),
        )
    })
}
