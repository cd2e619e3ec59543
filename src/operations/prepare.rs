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

/// The fields that return the schema. `_service` is Apollo Federation's.
const INTROSPECTION: [&str; 3] = ["__schema", "__type", "_service"];

/// The properties of an operation that the request handler needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationInfo {
    /// The kind of the operation.
    pub kind: OperationType,
    /// Whether the operation selects introspection fields.
    pub introspects: bool,
    /// Whether the operation checks or sets a credential.
    pub has_credential: bool,
    /// Whether the response is the same for every caller, so that it may be cached.
    pub is_public: bool,
    /// The approximate memory of the operation while it runs, in bytes: document, variables, extensions and name.
    pub size: usize,
}

/// The root fields of the schema to which special rules apply.
#[derive(Clone, Copy, Debug)]
pub struct RootFieldPolicy {
    /// Mutations that check a credential. A request may contain only one of them, so that each guess takes a request.
    pub credentials: &'static [&'static str],
    /// Queries whose response does not depend on the caller.
    pub public: &'static [&'static str],
}

/// The totals of the operations of a request so far. All operations of a batch count together.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestTotals {
    complexity: usize,
    root_fields: usize,
    credential_fields: usize,
}

/// Checks an operation of a document against the limits, and stores the parsed document in the request.
///
/// # Errors
/// `GRAPHQL_VALIDATION_FAILED` if there is no such operation, `BAD_USER_INPUT` if a variable is missing, or
/// `OPERATION_LIMIT_EXCEEDED`.
pub(super) fn prepare(
    request: &mut Request,
    document: &Document,
    limits: &GraphqlConfig,
    fields: RootFieldPolicy,
    totals: &mut RequestTotals,
) -> Result<OperationInfo, ApiError> {
    let document_limits = DocumentLimits::new(&document.parsed, limits);
    let operation = document.operation(request.operation_name.as_deref())?;
    variables::apply_defaults(operation, &mut request.variables)?;
    let variable_bytes = variables::check_limits(&request.variables, &document.uses, limits)?;
    let root = totals.add(&document_limits, operation, &request.variables, fields);
    totals.check(limits)?;
    let is_public = |field: &&Field| is_one_of(field, fields.public) || is_one_of(field, &["__typename"]);
    let info = OperationInfo {
        kind: operation.ty,
        introspects: root.iter().any(|field| is_one_of(field, &INTROSPECTION)),
        has_credential: operation.ty == OperationType::Mutation
            && root.iter().any(|field| is_one_of(field, fields.credentials)),
        is_public: operation.ty == OperationType::Query && root.iter().all(is_public),
        size: document.size + variable_bytes + size_besides_variables(request),
    };
    let mut document = document.parsed.clone();
    if info.kind == OperationType::Subscription {
        check_single_root_field(&root)?;
        inline_root_fragments(&mut document)?;
    }
    variables::strip_list_defaults(&mut document, &request.variables);
    request.set_parsed_query(document);
    Ok(info)
}

/// The memory of the extensions and the operation name of a request, in bytes.
fn size_besides_variables(request: &Request) -> usize {
    let extensions = request.extensions.iter().map(|(name, value)| name.len() + variables::size(value));
    request.operation_name.as_deref().map_or(0, str::len) + extensions.sum::<usize>()
}

/// Whether a field has one of these names.
fn is_one_of(field: &Field, names: &[&str]) -> bool {
    names.contains(&field.name.node.as_str())
}

/// Checks each operation of a document against the limits, with the default values of its variables.
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
        let mut totals = RequestTotals::default();
        totals.add(&document_limits, &operation.node, &defaults(&operation.node), fields);
        totals.check(limits)?;
    }
    Ok(())
}

/// The default values of the variables of an operation.
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
    /// Adds an operation and returns its root fields.
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
            self.credential_fields +=
                root.iter().filter(|field| is_one_of(field, fields.credentials)).count();
        }
        root
    }

    fn check(&self, limits: &GraphqlConfig) -> Result<(), ApiError> {
        for (count, max, name) in [
            (self.complexity, limits.max_complexity, "graphql.max_complexity"),
            (self.root_fields, limits.max_root_fields, "graphql.max_root_fields"),
        ] {
            if count > max {
                return Err(ApiError::limit_exceeded(name, max));
            }
        }
        if self.credential_fields > 1 {
            let message = "A request may contain only one field that checks a credential.";
            return Err(ApiError::new(ErrorCode::LimitExceeded, message));
        }
        Ok(())
    }
}

/// Checks that a subscription has exactly one root field, and no introspection field (GraphQL specification §5.2.4.1).
fn check_single_root_field(root: &[&Field]) -> Result<(), ApiError> {
    match root {
        [field] if !field.name.node.starts_with("__") => Ok(()),
        _ => {
            let message =
                "A subscription must have exactly one root field, which cannot be an introspection field.";
            Err(ApiError::new(ErrorCode::ValidationFailed, message))
        }
    }
}

/// Replaces the fragments around the root field of each subscription by their content, because async-graphql
/// (8.0.0-rc.5) does not look for the field in fragments. The limits have proved that the fragments are finite.
fn inline_root_fragments(document: &mut ExecutableDocument) -> Result<(), ApiError> {
    let mut inlined = HashSet::new();
    for operation in operations_mut(&mut document.operations) {
        if operation.ty != OperationType::Subscription {
            continue;
        }
        let selections = &mut operation.selection_set.node.items;
        while let [Positioned { node: selection, .. }] = selections.as_slice() {
            let inner = match selection {
                Selection::Field(_) => break,
                _ if !selection.directives().is_empty() => {
                    let message = "A fragment at the root of a subscription cannot have directives.";
                    return Err(ApiError::new(ErrorCode::ValidationFailed, message));
                }
                Selection::InlineFragment(fragment) => fragment.node.selection_set.clone(),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    inlined.insert(name.clone());
                    let fragment = document.fragments.get(name);
                    fragment.map(|fragment| fragment.node.selection_set.clone()).unwrap_or_default()
                }
            };
            *selections = inner.node.items;
        }
    }
    document.fragments.retain(|name, _| !inlined.contains(name));
    Ok(())
}

/// A request that validates a whole document. It executes an added operation, and none of the document's.
pub(super) fn validation_request(document: &Document) -> Request {
    const ADDED: &str = "_validation";
    let mut validated = document.parsed.clone();
    variables::strip_list_defaults(&mut validated, &Variables::default());
    let added = parse_query(format!("query {ADDED} {{ __typename }}")).expect("it is GraphQL");
    let named = |operations| match operations {
        DocumentOperations::Single(operation) => [(Name::new("_"), operation)].into(),
        DocumentOperations::Multiple(operations) => operations,
    };
    let mut operations = named(validated.operations);
    operations.extend(named(added.operations));
    validated.operations = DocumentOperations::Multiple(operations);
    let mut request = Request::new("").operation_name(ADDED);
    request.set_parsed_query(validated);
    request
}
