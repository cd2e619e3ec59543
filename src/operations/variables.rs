//! The variables of a request: their default values and their limits.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value as ConstValue, Variables,
    parser::types::{
        BaseType, Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection,
        SelectionSet,
    },
};
use async_graphql_value::Value;

use super::limits::check_lists;
use crate::{config::GraphqlConfig, graphql::ApiError};

/// Approximate memory of a value without its text, in bytes. The largest measured value, for lists of numbers.
const BYTES_PER_VALUE: usize = 72;

/// 2^53. Below it, different integers are different floating-point numbers.
const FIRST_AMBIGUOUS: f64 = 9_007_199_254_740_992.0;

/// Converts each floating-point number without a fraction to an integer. Servers in JavaScript read `10.0` and `10` as
/// the same number, so clients may send either for an `Int` or an `ID`. A `Float` accepts both.
pub(super) fn normalise_numbers(value: &mut ConstValue) {
    match value {
        ConstValue::Number(number) => {
            let fractional = number.as_f64().filter(|float| number.is_f64() && float.abs() < FIRST_AMBIGUOUS);
            // A number with a fraction does not parse as an integer.
            if let Some(integer) = fractional.and_then(|float| float.to_string().parse::<i64>().ok()) {
                *number = integer.into();
            }
        }
        ConstValue::List(items) => items.iter_mut().for_each(normalise_numbers),
        ConstValue::Object(members) => members.values_mut().for_each(normalise_numbers),
        _ => {}
    }
}

/// Applies default values, because the executor reads @skip and @include from the variables alone. Rejects missing
/// variables before anything is executed (GraphQL specification §6.1.2). Removes undeclared variables.
///
/// # Errors
/// `BAD_USER_INPUT` if a required variable is missing.
pub(super) fn apply_defaults(operation: &OperationDefinition, given: &mut Variables) -> Result<(), ApiError> {
    let mut variables = Variables::default();
    for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
        let name = &definition.name.node;
        let default = || definition.default_value.as_ref().map(|default| default.node.clone());
        let value = given.remove(name).or_else(default);
        if value.as_ref().is_none_or(|value| *value == ConstValue::Null) && !definition.var_type.node.nullable
        {
            let message = format!("The variable ${name} of type {} is required.", definition.var_type.node);
            return Err(ApiError::bad_user_input(message));
        }
        variables.extend(value.map(|value| (name.clone(), value)));
    }
    *given = variables;
    Ok(())
}

/// Checks the lists in the variables, and the memory of all variables. Each use counts, because validation and
/// execution copy a variable wherever it is used. Returns the memory in bytes.
///
/// # Errors
/// `OPERATION_LIMIT_EXCEEDED`.
pub(super) fn check_limits(
    variables: &Variables,
    uses: &HashMap<Name, usize>,
    limits: &GraphqlConfig,
) -> Result<usize, ApiError> {
    check_lists(variables.values(), limits.max_list_items)?;
    let bytes = variables.iter().map(|(name, value)| {
        let uses = uses.get(name).copied().unwrap_or_default();
        size(value).saturating_mul(uses.max(1))
    });
    let bytes = bytes.fold(0, usize::saturating_add);
    if bytes > limits.max_variable_bytes {
        return Err(ApiError::limit_exceeded("graphql.max_variable_bytes", limits.max_variable_bytes));
    }
    Ok(bytes)
}

/// The approximate memory of a parsed value, in bytes.
pub(super) fn size(value: &ConstValue) -> usize {
    let inside = match value {
        ConstValue::String(text) => text.len(),
        ConstValue::List(items) => items.iter().map(size).sum(),
        ConstValue::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    BYTES_PER_VALUE + inside
}

/// The number of uses of each variable in the arguments of a document.
pub(super) fn count_uses(document: &ExecutableDocument) -> HashMap<Name, usize> {
    let mut uses = HashMap::new();
    for (_, operation) in document.operations.iter() {
        count_in_directives(&operation.node.directives, &mut uses);
        count_in(&operation.node.selection_set.node, &mut uses);
    }
    for fragment in document.fragments.values() {
        count_in_directives(&fragment.node.directives, &mut uses);
        count_in(&fragment.node.selection_set.node, &mut uses);
    }
    uses
}

fn count_in(selections: &SelectionSet, uses: &mut HashMap<Name, usize>) {
    for selection in selections.items.iter().map(|selection| &selection.node) {
        count_in_directives(selection.directives(), uses);
        match selection {
            Selection::Field(field) => {
                field.node.arguments.iter().for_each(|(_, value)| count_in_value(&value.node, uses));
                count_in(&field.node.selection_set.node, uses);
            }
            Selection::InlineFragment(fragment) => count_in(&fragment.node.selection_set.node, uses),
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn count_in_directives(directives: &[Positioned<Directive>], uses: &mut HashMap<Name, usize>) {
    let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
    arguments.for_each(|(_, value)| count_in_value(&value.node, uses));
}

fn count_in_value(value: &Value, uses: &mut HashMap<Name, usize>) {
    match value {
        Value::Variable(name) => *uses.entry(name.clone()).or_default() += 1,
        Value::List(items) => items.iter().for_each(|item| count_in_value(item, uses)),
        Value::Object(fields) => fields.values().for_each(|field| count_in_value(field, uses)),
        _ => {}
    }
}

/// Removes the default values of list variables, because validation panics if the type of the list is unknown
/// (async-graphql 8.0.0-rc.5, `DefaultValuesOfCorrectType`). They were already applied. A default value also lets the
/// variable be used where null is not allowed, so the type becomes non-null unless the value is null.
pub(super) fn strip_list_defaults(document: &mut ExecutableDocument, variables: &Variables) {
    for definition in
        operations_mut(&mut document.operations).flat_map(|operation| &mut operation.variable_definitions)
    {
        let definition = &mut definition.node;
        let is_list = matches!(definition.var_type.node.base, BaseType::List(_));
        if is_list && let Some(default) = definition.default_value.take() {
            let value = variables.get(&definition.name.node).unwrap_or(&default.node);
            definition.var_type.node.nullable &= *value == ConstValue::Null;
        }
    }
}

/// The operations of a document, mutable.
pub(super) fn operations_mut(
    operations: &mut DocumentOperations,
) -> impl Iterator<Item = &mut OperationDefinition> {
    let operations: Vec<_> = match operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    operations.into_iter().map(|operation| &mut operation.node)
}
