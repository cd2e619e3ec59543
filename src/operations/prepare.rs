use std::collections::HashSet;

use async_graphql::{
    Name, Positioned, Request, Variables,
    parser::{
        parse_query,
        types::{
            DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
        },
    },
};

use super::{
    document::Document,
    limits::DocumentLimits,
    variables::{self, operations_mut},
};
use crate::{
    config::GraphqlConfig,
    graphql::{ApiError, ErrorCode},
};

/// The fields that tell the schema; the last is Apollo Federation's.
const INTROSPECTION: [&str; 3] = ["__schema", "__type", "_service"];

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// The kind of the operation.
    pub kind: OperationType,
    /// Whether it asks for the schema.
    pub introspects: bool,
    /// Whether everybody gets the same answer, so that it may be kept.
    pub is_public: bool,
    /// The approximate memory of the operation while it runs, in bytes: document, variables, extensions and name.
    pub size: usize,
}

/// The fields at the root of the schema that are not like others.
#[derive(Clone, Copy, Debug)]
pub struct RootFieldPolicy {
    /// The mutations that check a password. A request may hold one of them, so that each guess is a request of its
    /// own.
    pub password: &'static [&'static str],
    /// The queries whose answer does not depend on who asks.
    pub public: &'static [&'static str],
}

/// What the operations of one request come to so far; those of a batch are counted together.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestTotals {
    complexity: usize,
    root_fields: usize,
    password_fields: usize,
}

/// Holds an operation of a document against the limits, and lets the request execute it.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` when there is no such operation, `BAD_USER_INPUT` when a variable is missing, or
/// `OPERATION_LIMIT_EXCEEDED`.
pub fn prepare(
    request: &mut Request,
    document: &Document,
    limits: &GraphqlConfig,
    fields: RootFieldPolicy,
    tally: &mut RequestTotals,
) -> Result<OperationInfo, ApiError> {
    let document_limits = DocumentLimits::new(&document.parsed, limits);
    let operation = document.operation(request.operation_name.as_deref())?;
    variables::fill_in(operation, &mut request.variables)?;
    let variable_bytes = variables::limit(&request.variables, &document.uses, limits)?;
    let root = tally.add(&document_limits, operation, &request.variables, fields);
    tally.check(limits)?;
    let is_public = |field: &&Field| is_one_of(field, fields.public) || is_one_of(field, &["__typename"]);
    let prepared = OperationInfo {
        kind: operation.ty,
        introspects: root.iter().any(|field| is_one_of(field, &INTROSPECTION)),
        is_public: operation.ty == OperationType::Query && root.iter().all(is_public),
        size: document.size + variable_bytes + size_besides_variables(request),
    };
    let mut document = document.parsed.clone();
    if prepared.kind == OperationType::Subscription {
        check_single_root_field(&root)?;
        inline_root_fragments(&mut document)?;
    }
    variables::strip_list_defaults(&mut document, &request.variables);
    request.set_parsed_query(document);
    Ok(prepared)
}

/// The memory of the other members of a request that the executor keeps, in bytes. The document has its own size.
fn size_besides_variables(request: &Request) -> usize {
    let extensions = request.extensions.iter().map(|(name, value)| name.len() + variables::size(value));
    request.operation_name.as_deref().map_or(0, str::len) + extensions.sum::<usize>()
}

/// Whether a field has one of these names.
fn is_one_of(field: &Field, names: &[&str]) -> bool {
    names.contains(&field.name.node.as_str())
}

/// Holds each operation of a document against the limits, as far as these hang on no variable of a request.
///
/// # Errors
/// `OPERATION_LIMIT_EXCEEDED`.
pub(super) fn check(
    document: &Document,
    limits: &GraphqlConfig,
    fields: RootFieldPolicy,
) -> Result<(), ApiError> {
    let document_limits = DocumentLimits::new(&document.parsed, limits);
    for (_, operation) in document.parsed.operations.iter() {
        let mut tally = RequestTotals::default();
        tally.add(&document_limits, &operation.node, &defaults(&operation.node), fields);
        tally.check(limits)?;
    }
    Ok(())
}

/// The variables that have a value without a request.
fn defaults(operation: &OperationDefinition) -> Variables {
    let mut variables = Variables::default();
    for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
        if let Some(default) = &definition.default_value {
            variables.insert(definition.name.node.clone(), default.node.clone());
        }
    }
    variables
}

impl RequestTotals {
    /// Adds an operation; gives the fields at its root.
    fn add<'a>(
        &mut self,
        document_limits: &DocumentLimits<'a>,
        operation: &'a OperationDefinition,
        variables: &Variables,
        fields: RootFieldPolicy,
    ) -> Vec<&'a Field> {
        let selections = &operation.selection_set.node;
        let root = document_limits.root_fields(selections);
        self.complexity = document_limits.complexity(selections, variables, self.complexity);
        self.root_fields += root.len();
        if operation.ty == OperationType::Mutation {
            self.password_fields += root.iter().filter(|field| is_one_of(field, fields.password)).count();
        }
        root
    }

    fn check(&self, limits: &GraphqlConfig) -> Result<(), ApiError> {
        for (count, most, name) in [
            (self.complexity, limits.max_complexity, "graphql.max_complexity"),
            (self.root_fields, limits.max_root_fields, "graphql.max_root_fields"),
        ] {
            if count > most {
                return Err(ApiError::limit_exceeded(name, most));
            }
        }
        if self.password_fields > 1 {
            let message = "A request may hold only one field that checks a password.";
            return Err(ApiError::new(ErrorCode::LimitExceeded, message));
        }
        Ok(())
    }
}

/// A subscription has one field at its root, which is none of introspection (GraphQL specification §5.2.4.1).
fn check_single_root_field(root: &[&Field]) -> Result<(), ApiError> {
    match root {
        [field] if !field.name.node.starts_with("__") => Ok(()),
        _ => {
            let message =
                "A subscription must have exactly one field at its root, and none of introspection.";
            Err(ApiError::new(ErrorCode::ValidationFailed, message))
        }
    }
}

/// Lifts the one field of each subscription out of the fragments around it, in which async-graphql (8.0.0-rc.5)
/// does not look for it. That these have an end was counted before.
fn inline_root_fragments(document: &mut ExecutableDocument) -> Result<(), ApiError> {
    let mut lifted = HashSet::new();
    for operation in operations_mut(&mut document.operations) {
        if operation.ty != OperationType::Subscription {
            continue;
        }
        let selections = &mut operation.selection_set.node.items;
        while let [Positioned { node: selection, .. }] = selections.as_slice() {
            let inner = match selection {
                Selection::Field(_) => break,
                _ if !selection.directives().is_empty() => {
                    let message = "A fragment at the root of a subscription can have no directive.";
                    return Err(ApiError::new(ErrorCode::ValidationFailed, message));
                }
                Selection::InlineFragment(fragment) => fragment.node.selection_set.clone(),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    lifted.insert(name.clone());
                    let fragment = document.fragments.get(name);
                    fragment.map(|fragment| fragment.node.selection_set.clone()).unwrap_or_default()
                }
            };
            *selections = inner.node.items;
        }
    }
    document.fragments.retain(|name, _| !lifted.contains(name));
    Ok(())
}

/// A request that has all of a document validated, and none of its operations executed.
pub(super) fn validation_request(document: &Document) -> Request {
    const ALONE: &str = "_validation";
    let mut validated = document.parsed.clone();
    variables::strip_list_defaults(&mut validated, &Variables::default());
    let alone = parse_query(format!("query {ALONE} {{ __typename }}")).expect("it is GraphQL");
    let named = |operations| match operations {
        DocumentOperations::Single(operation) => [(Name::new("_"), operation)].into(),
        DocumentOperations::Multiple(operations) => operations,
    };
    let mut operations = named(validated.operations);
    operations.extend(named(alone.operations));
    validated.operations = DocumentOperations::Multiple(operations);
    let mut request = Request::new("").operation_name(ALONE);
    request.set_parsed_query(validated);
    request
}
