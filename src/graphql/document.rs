use async_graphql::{
    Request, Value as ConstValue, Variables,
    parser::{
        parse_query,
        types::{DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType},
    },
};

use super::{
    Code, Failure,
    census::{Census, limit_lists},
};
use crate::config::GraphqlConfig;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The kind of the operation.
    pub kind: OperationType,
    /// Whether it asks for the schema.
    pub introspects: bool,
}

/// What the operations of one request come to so far; those of a batch are counted together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    complexity: usize,
    root_fields: usize,
    password_fields: usize,
}

/// Parses the document of a request and holds it against the limits. `password_fields` are the mutations
/// that check a password: a request may hold one of them, so that each guess is a request of its own.
///
/// # Errors
/// `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` when there is no such operation, or
/// `OPERATION_LIMIT_EXCEEDED`.
pub fn prepare(
    request: &mut Request,
    limits: &GraphqlConfig,
    password_fields: &[&str],
    tally: &mut Tally,
) -> Result<Prepared, Failure> {
    let document = parse(&request.query, limits.max_tokens)?;
    let census = Census::take(&document, limits)?;
    let operation = operation(&document, request.operation_name.as_deref())?;
    coerce_variables(operation, &mut request.variables)?;
    limit_lists(request.variables.values(), limits.max_list_items)?;
    let root = census.root_fields(&operation.selection_set.node);
    tally.complexity = census.cost(&operation.selection_set.node, &request.variables, tally.complexity);
    tally.root_fields += root.len();
    if operation.ty == OperationType::Mutation {
        let is_guess = |field: &&&Field| password_fields.contains(&field.name.node.as_str());
        tally.password_fields += root.iter().filter(is_guess).count();
    }
    tally.check(limits)?;
    let introspects = root.iter().any(|field| ["__schema", "__type"].contains(&field.name.node.as_str()));
    let prepared = Prepared { kind: operation.ty, introspects };
    request.set_parsed_query(document);
    Ok(prepared)
}

impl Tally {
    fn check(&self, limits: &GraphqlConfig) -> Result<(), Failure> {
        for (count, most, name) in [
            (self.complexity, limits.max_complexity, "graphql.max_complexity"),
            (self.root_fields, limits.max_root_fields, "graphql.max_root_fields"),
        ] {
            if count > most {
                return Err(Failure::limit(name, most));
            }
        }
        if self.password_fields > 1 {
            let message = "A request may hold only one field that checks a password.";
            return Err(Failure::new(Code::LimitExceeded, message));
        }
        Ok(())
    }
}

/// Fills in the defaults, for the executor reads @skip and @include from the variables alone; and asks for
/// what must be there before anything is executed (GraphQL specification §6.1.2).
fn coerce_variables(operation: &OperationDefinition, variables: &mut Variables) -> Result<(), Failure> {
    for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
        let name = &definition.name.node;
        if let Some(default) = &definition.default_value {
            variables.entry(name.clone()).or_insert_with(|| default.node.clone());
        }
        let value = variables.get(name).unwrap_or(&ConstValue::Null);
        if *value == ConstValue::Null && !definition.var_type.node.nullable {
            let message = format!("The variable ${name} of type {} must be given.", definition.var_type.node);
            return Err(Failure::bad_input(message));
        }
    }
    Ok(())
}

/// The parser recurses with the brackets of the document, and both it and the validation take time and
/// memory for every token, so these are counted first.
fn parse(query: &str, max_tokens: usize) -> Result<ExecutableDocument, Failure> {
    const MAX_BRACKETS: usize = 64;
    let shape = Shape::of(query);
    if shape.tokens > max_tokens {
        return Err(Failure::limit("graphql.max_tokens", max_tokens));
    }
    if shape.brackets > MAX_BRACKETS {
        return Err(Failure::limit("the depth of brackets", MAX_BRACKETS));
    }
    parse_query(query).map_err(|error| {
        let message = error.to_string();
        // The parser shows the line that it did not understand, and a line may hold a password.
        let fault = message.rsplit_once(" = ").map_or(&*message, |(_, fault)| fault);
        let position = error.positions().next().map(|at| format!(" at {}:{}", at.line, at.column));
        Failure::new(Code::ParseFailed, format!("Syntax error{}: {fault}.", position.unwrap_or_default()))
    })
}

/// What a document looks like from afar.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// How many tokens it has.
    tokens: usize,
    /// How deep its brackets are nested, those in strings and comments left out.
    brackets: usize,
}

impl Shape {
    /// Reads a document by its lexical grammar (GraphQL specification §2.1).
    fn of(query: &str) -> Self {
        let (mut shape, mut depth) = (Self::default(), 0_usize);
        let mut rest = query.as_bytes();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || [b'_', b'-', b'.', b'+'].contains(byte);
        while let Some((byte, mut after)) = rest.split_first() {
            shape.tokens += usize::from(!byte.is_ascii_whitespace() && ![b',', b'#'].contains(byte));
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                b'#' => after = behind(after, |text| text.starts_with(b"\n") || text.starts_with(b"\r")),
                b'"' if after.starts_with(b"\"\"") => {
                    after = behind(&after[2..], |text| text.starts_with(b"\"\"\""));
                    after = after.get(2..).unwrap_or_default();
                }
                b'"' => after = behind(after, |text| text.starts_with(b"\"") || text.starts_with(b"\n")),
                byte if is_word(byte) => {
                    let end = after.iter().position(|byte| !is_word(byte)).unwrap_or(after.len());
                    after = &after[end..];
                }
                _ => {}
            }
            shape.brackets = shape.brackets.max(depth);
            rest = after;
        }
        shape
    }
}

/// The text behind the first place where it ends; what a backslash stands before ends nothing.
fn behind(text: &[u8], ends: impl Fn(&[u8]) -> bool) -> &[u8] {
    let mut at = 0;
    while at < text.len() && !ends(&text[at..]) {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    text.get(at + 1..).unwrap_or_default()
}

/// The operation that the request means (GraphQL specification §6.1).
fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Failure> {
    let unknown = |message| Failure::new(Code::ValidationFailed, message);
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Multiple(operations), None) => match operations.values().next() {
            Some(operation) if operations.len() == 1 => Ok(&operation.node),
            _ => Err(unknown("The document has several operations; operationName must say which.".into())),
        },
        (DocumentOperations::Multiple(operations), Some(name)) if operations.contains_key(name) => {
            Ok(&operations[name].node)
        }
        (_, Some(name)) => Err(unknown(format!("The document has no operation named \"{name}\"."))),
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    fn bracket_depth(query: &str) -> usize {
        Shape::of(query).brackets
    }

    #[test]
    fn tokens_are_counted_as_the_grammar_has_them() {
        let tokens = |query| Shape::of(query).tokens;
        assert_eq!(tokens("{ a(b: -1.5e+3, c: $d) @e ...F }"), 15);
        assert_eq!(tokens("# { a }\n\"a b { c\" \"\"\" { \"\"\" , ,"), 2);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(bracket_depth("{ a(b: [1, {c: 2}]) { d } }"), 4);
        assert_eq!(bracket_depth(&"[#]\n".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"]\"".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"\"\"]\"\"\"".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"\\\"]\"".repeat(50)), 50);
        assert_eq!(bracket_depth("\"[[[[\" # {{{{\n{ a }"), 1);
        assert_eq!(bracket_depth("\"\"\" \" [[[ \\\"\"\" [ \"\"\" { a }"), 1);
        assert_eq!(bracket_depth("\"unterminated ]\n[[[ \\"), 3);
    }
}
