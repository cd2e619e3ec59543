use async_graphql::{
    Positioned, Request, Value as ConstValue, Variables,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
            SelectionSet,
        },
    },
};

use super::{Code, Failure};
use crate::config::GraphqlConfig;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The kind of the operation.
    pub kind: OperationType,
    /// Whether it asks for the schema.
    pub introspects: bool,
}

/// Parses the document of a request and holds it against the limits. `password_fields` are the mutations that check a password: an operation may
/// hold one of them, so that each guess is a request of its own.
///
/// All operations of the document count, for all of them are validated.
///
/// # Errors
/// `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` when there is no such operation, or
/// `OPERATION_LIMIT_EXCEEDED`.
pub fn prepare(
    request: &mut Request,
    limits: &GraphqlConfig,
    password_fields: &[&str],
) -> Result<Prepared, Failure> {
    let document = parse(&request.query)?;
    let mut census = Census { document: &document, limits, aliases: 0, directives: 0, fields: 0 };
    for fragment in document.fragments.values() {
        census.count_definition(&fragment.node.selection_set.node)?;
    }
    for (_, operation) in document.operations.iter() {
        census.count(&operation.node.selection_set.node, 1, 0)?;
    }
    let operation = operation(&document, request.operation_name.as_deref())?;
    let root = census.root_fields(&operation.selection_set.node);
    if root.len() > limits.max_root_fields {
        return Err(Failure::limit("graphql.max_root_fields", limits.max_root_fields));
    }
    if operation.ty == OperationType::Mutation {
        let guesses = root.iter().filter(|field| password_fields.contains(&field.name.node.as_str()));
        if guesses.count() > 1 {
            let message = "An operation may hold only one field that checks a password.";
            return Err(Failure::new(Code::LimitExceeded, message));
        }
    }
    let introspects = root.iter().any(|field| ["__schema", "__type"].contains(&field.name.node.as_str()));
    let prepared = Prepared { kind: operation.ty, introspects };
    coerce_variables(operation, &mut request.variables)?;
    request.set_parsed_query(document);
    Ok(prepared)
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

/// The parser recurses with the brackets of the document, so their depth is looked at first.
fn parse(query: &str) -> Result<ExecutableDocument, Failure> {
    const MAX_BRACKETS: usize = 64;
    if bracket_depth(query) > MAX_BRACKETS {
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

/// The deepest nesting of brackets outside of strings and comments (GraphQL specification §2.1).
fn bracket_depth(query: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = query.as_bytes();
    while let Some((byte, mut after)) = rest.split_first() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => after = behind(after, |text| text.starts_with(b"\n") || text.starts_with(b"\r")),
            b'"' if after.starts_with(b"\"\"") => {
                after = behind(&after[2..], |text| text.starts_with(b"\"\"\""));
                after = after.get(2..).unwrap_or_default();
            }
            b'"' => after = behind(after, |text| text.starts_with(b"\"") || text.starts_with(b"\n")),
            _ => {}
        }
        deepest = deepest.max(depth);
        rest = after;
    }
    deepest
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

/// The fields of introspection that list what has such fields in turn. Nested, they multiply.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// How deep these may be nested. The query of every tool nests them once.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// Counts what a document asks for. Fragments count wherever they are spread; since each spread counts as
/// well, a fragment that spreads itself runs into the limit.
struct Census<'a> {
    document: &'a ExecutableDocument,
    limits: &'a GraphqlConfig,
    aliases: usize,
    directives: usize,
    fields: usize,
}

impl<'a> Census<'a> {
    /// Counts the selections of a fragment where it is defined, whether or not anything spreads it, for
    /// validation looks at each.
    fn count_definition(&mut self, selections: &'a SelectionSet) -> Result<(), Failure> {
        for selection in &selections.items {
            self.fields += 1;
            if self.fields > self.limits.max_fields {
                return Err(Failure::limit("graphql.max_fields", self.limits.max_fields));
            }
            if !matches!(selection.node, Selection::FragmentSpread(_))
                && let Some(inner) = self.inside(&selection.node)
            {
                self.count_definition(inner)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, selections: &'a SelectionSet, depth: usize, lists: usize) -> Result<(), Failure> {
        let limits = self.limits;
        for selection in &selections.items {
            self.fields += 1;
            self.directives += selection.node.directives().len();
            let (mut inner_depth, mut inner_lists) = (depth, lists);
            if let Selection::Field(field) = &selection.node {
                self.aliases += usize::from(field.node.alias.is_some());
                inner_depth += 1;
                inner_lists += usize::from(INTROSPECTION_LISTS.contains(&field.node.name.node.as_str()));
            }
            for (count, most, name) in [
                (depth, limits.max_depth, "graphql.max_depth"),
                (self.fields, limits.max_fields, "graphql.max_fields"),
                (self.directives, limits.max_directives, "graphql.max_directives"),
                (self.aliases, limits.max_aliases, "graphql.max_aliases"),
                (inner_lists, MAX_INTROSPECTION_LISTS, "the depth of lists in introspection"),
            ] {
                if count > most {
                    return Err(Failure::limit(name, most));
                }
            }
            if let Some(inner) = self.inside(&selection.node) {
                self.count(inner, inner_depth, inner_lists)?;
            }
        }
        Ok(())
    }

    /// The fields that the operation has at its root, whichever fragments they stand in. Called when
    /// [`Census::count`] has shown that there is an end to them.
    fn root_fields(&self, selections: &'a SelectionSet) -> Vec<&'a Field> {
        let of = |selection: &'a Positioned<Selection>| match &selection.node {
            Selection::Field(field) => vec![&field.node],
            fragment => self.inside(fragment).map_or_else(Vec::new, |inner| self.root_fields(inner)),
        };
        selections.items.iter().flat_map(of).collect()
    }

    fn inside(&self, selection: &'a Selection) -> Option<&'a SelectionSet> {
        match selection {
            Selection::Field(field) => Some(&field.node.selection_set.node),
            Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let fragment = self.document.fragments.get(&spread.node.fragment_name.node)?;
                Some(&fragment.node.selection_set.node)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bracket_depth;

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
