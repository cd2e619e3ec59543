use async_graphql::{
    Name, Positioned, Request, Value as ConstValue, Variables,
    parser::{
        parse_query,
        types::{
            BaseType, DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType,
            Selection,
        },
    },
};

use super::{
    Code, Failure,
    census::{Census, limit_lists},
    shape::Shape,
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
    let mut document = parse(&request.query, limits.max_tokens)?;
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
    if prepared.kind == OperationType::Subscription {
        expect_one_event(&root)?;
        lift_subscription(&mut document, request.operation_name.as_deref())?;
    }
    withdraw_list_defaults(&mut document, &request.variables);
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

/// A subscription has one field at its root, which is none of introspection (GraphQL specification §5.2.4.1).
fn expect_one_event(root: &[&Field]) -> Result<(), Failure> {
    match root {
        [field] if !field.name.node.starts_with("__") => Ok(()),
        _ => {
            let message =
                "A subscription must have exactly one field at its root, and none of introspection.";
            Err(Failure::new(Code::ValidationFailed, message))
        }
    }
}

/// Lifts the one field of a subscription out of the fragments around it, in which async-graphql (8.0.0-rc.5)
/// does not look for it.
fn lift_subscription(document: &mut ExecutableDocument, name: Option<&str>) -> Result<(), Failure> {
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => {
            let chosen = name.map_or_else(|| operations.keys().next().cloned(), |name| Some(Name::new(name)));
            let unknown = || Failure::new(Code::ValidationFailed, "The document has no such operation.");
            chosen.and_then(|name| operations.get_mut(&name)).ok_or_else(unknown)?
        }
    };
    let selections = &mut operation.node.selection_set.node.items;
    while let [Positioned { node: selection, .. }] = selections.as_slice() {
        if matches!(selection, Selection::Field(_)) {
            return Ok(());
        }
        if !selection.directives().is_empty() {
            let message = "A fragment at the root of a subscription can have no directive.";
            return Err(Failure::new(Code::ValidationFailed, message));
        }
        let inner = match selection {
            Selection::InlineFragment(fragment) => fragment.node.selection_set.clone(),
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.remove(&spread.node.fragment_name.node);
                fragment.map(|fragment| fragment.node.selection_set).unwrap_or_default()
            }
            Selection::Field(_) => break,
        };
        *selections = inner.node.items;
    }
    Ok(())
}

/// The validation panics at the default of a variable that is a list of an unknown type (async-graphql
/// 8.0.0-rc.5, `DefaultValuesOfCorrectType`). Since the variables have their values by now, such a default need
/// not be there; it has only made sure that the variable is not null.
fn withdraw_list_defaults(document: &mut ExecutableDocument, variables: &Variables) {
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for definition in operations.into_iter().flat_map(|operation| &mut operation.node.variable_definitions) {
        let definition = &mut definition.node;
        let is_list = matches!(definition.var_type.node.base, BaseType::List(_));
        if is_list && let Some(default) = definition.default_value.take() {
            let value = variables.get(&definition.name.node).unwrap_or(&default.node);
            definition.var_type.node.nullable &= *value == ConstValue::Null;
        }
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
