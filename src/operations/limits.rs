use std::convert::Infallible;

use async_graphql::{
    Positioned, Value as ConstValue, Variables,
    parser::types::{ExecutableDocument, Field, Selection, SelectionSet},
};
use async_graphql_value::Value;

use crate::{
    config::GraphqlConfig,
    database::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE},
    graphql::ApiError,
};

/// Introspection fields that list objects with such fields again. Nesting multiplies the size of the response.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// Maximum nesting depth of these fields. The introspection queries of tools nest them once.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// Counts the fields, aliases and directives of a document. A fragment counts wherever it is spread. Each spread
/// counts as well, so a fragment that spreads itself exceeds the limit.
pub(super) struct DocumentLimits<'a> {
    document: &'a ExecutableDocument,
    limits: &'a GraphqlConfig,
    aliases: usize,
    directives: usize,
    fields: usize,
}

impl<'a> DocumentLimits<'a> {
    /// The limits of a document that was already checked.
    pub(super) fn new(document: &'a ExecutableDocument, limits: &'a GraphqlConfig) -> Self {
        Self { document, limits, aliases: 0, directives: 0, fields: 0 }
    }

    /// Checks a document. All operations and also unused fragments count, because validation visits all of them.
    ///
    /// # Errors
    /// `OPERATION_LIMIT_EXCEEDED`.
    pub(super) fn check(
        document: &'a ExecutableDocument,
        limits: &'a GraphqlConfig,
    ) -> Result<Self, ApiError> {
        let mut document_limits = Self::new(document, limits);
        for fragment in document.fragments.values() {
            document_limits.count_definition(&fragment.node.selection_set.node)?;
            document_limits.check_arguments(&fragment.node.selection_set.node)?;
        }
        for (_, operation) in document.operations.iter() {
            document_limits.count(&operation.node.selection_set.node, 1, 0)?;
            document_limits.check_arguments(&operation.node.selection_set.node)?;
        }
        Ok(document_limits)
    }

    /// The maximum number of fields in the response, plus `other`. The fields of a list count once for each item of
    /// its page.
    pub(super) fn complexity(&self, selections: &SelectionSet, variables: &Variables, other: usize) -> usize {
        let of = |selection: &Positioned<Selection>| {
            let inner = self
                .nested_selections(&selection.node)
                .map_or(0, |inner| self.complexity(inner, variables, 0));
            match &selection.node {
                Selection::Field(field) => {
                    let items = page_size(&field.node, variables).unwrap_or_else(|| {
                        if self.selects_connection(&field.node.selection_set.node) {
                            DEFAULT_PAGE_SIZE
                        } else {
                            1
                        }
                    });
                    items.saturating_mul(inner).saturating_add(1)
                }
                _ => inner,
            }
        };
        selections.items.iter().map(of).fold(other, usize::saturating_add)
    }

    /// Counts the selections of a fragment definition, even if no operation spreads it, because validation visits
    /// each.
    fn count_definition(&mut self, selections: &'a SelectionSet) -> Result<(), ApiError> {
        for selection in &selections.items {
            self.fields += 1;
            if self.fields > self.limits.max_fields {
                return Err(ApiError::limit_exceeded("graphql.max_fields", self.limits.max_fields));
            }
            if !matches!(selection.node, Selection::FragmentSpread(_))
                && let Some(inner) = self.nested_selections(&selection.node)
            {
                self.count_definition(inner)?;
            }
        }
        Ok(())
    }

    /// Counts selections, and checks the limits on the way.
    fn count(&mut self, selections: &'a SelectionSet, depth: usize, lists: usize) -> Result<(), ApiError> {
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
            for (count, max, name) in [
                (depth, limits.max_depth, "graphql.max_depth"),
                (self.fields, limits.max_fields, "graphql.max_fields"),
                (self.directives, limits.max_directives, "graphql.max_directives"),
                (self.aliases, limits.max_aliases, "graphql.max_aliases"),
                (inner_lists, MAX_INTROSPECTION_LISTS, "the depth of lists in introspection"),
            ] {
                if count > max {
                    return Err(ApiError::limit_exceeded(name, max));
                }
            }
            if let Some(inner) = self.nested_selections(&selection.node) {
                self.count(inner, inner_depth, inner_lists)?;
            }
        }
        Ok(())
    }

    /// Checks the lists in arguments, without following fragment spreads. Called after the other limits, which prove
    /// that the selections are finite.
    fn check_arguments(&self, selections: &SelectionSet) -> Result<(), ApiError> {
        for selection in selections.items.iter().map(|selection| &selection.node) {
            let of_field = match selection {
                Selection::Field(field) => field.node.arguments.as_slice(),
                _ => &[],
            };
            let of_directives = selection.directives().iter().flat_map(|directive| &directive.node.arguments);
            for (_, value) in of_field.iter().chain(of_directives) {
                let value = value.node.clone().into_const_with(|_| Ok::<_, Infallible>(ConstValue::Null));
                check_lists(value.as_ref().ok(), self.limits.max_list_items)?;
            }
            if !matches!(selection, Selection::FragmentSpread(_))
                && let Some(inner) = self.nested_selections(selection)
            {
                self.check_arguments(inner)?;
            }
        }
        Ok(())
    }

    /// Whether these selections are fields of a connection.
    fn selects_connection(&self, selections: &SelectionSet) -> bool {
        selections.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => ["edges", "nodes"].contains(&field.node.name.node.as_str()),
            fragment => self.nested_selections(fragment).is_some_and(|inner| self.selects_connection(inner)),
        })
    }

    /// The root fields of the operation, including those in fragments. Called after [`DocumentLimits::count`], which
    /// proves that the selections are finite.
    pub(super) fn root_fields(&self, selections: &'a SelectionSet) -> Vec<&'a Field> {
        let of = |selection: &'a Positioned<Selection>| match &selection.node {
            Selection::Field(field) => vec![&field.node],
            fragment => {
                self.nested_selections(fragment).map_or_else(Vec::new, |inner| self.root_fields(inner))
            }
        };
        selections.items.iter().flat_map(of).collect()
    }

    /// The selections of a field or a fragment. `None` if the fragment is not defined.
    fn nested_selections<'s>(&self, selection: &'s Selection) -> Option<&'s SelectionSet>
    where
        'a: 's,
    {
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

/// Checks the length of every list in these values.
///
/// # Errors
/// `OPERATION_LIMIT_EXCEEDED` if a list exceeds `graphql.max_list_items`.
pub(super) fn check_lists<'a>(
    values: impl IntoIterator<Item = &'a ConstValue>,
    max: usize,
) -> Result<(), ApiError> {
    let mut pending: Vec<&ConstValue> = values.into_iter().collect();
    while let Some(value) = pending.pop() {
        match value {
            ConstValue::List(items) if items.len() > max => {
                return Err(ApiError::limit_exceeded("graphql.max_list_items", max));
            }
            ConstValue::List(items) => pending.extend(items),
            ConstValue::Object(fields) => pending.extend(fields.values()),
            _ => {}
        }
    }
    Ok(())
}

/// The maximum number of items that a field returns, if its arguments limit it: Relay's `first` and `last`, a list of
/// `ids`, or a list of `representations` from a federation router. Variables are not copied, because they may be
/// large.
fn page_size(field: &Field, variables: &Variables) -> Option<usize> {
    let length = |name: &str| match &field.get_argument(name)?.node {
        Value::List(items) => Some(items.len()),
        Value::Variable(name) => match variables.get(name)? {
            ConstValue::List(items) => Some(items.len()),
            _ => None,
        },
        _ => None,
    };
    let number = |name: &str| match &field.get_argument(name)?.node {
        Value::Number(number) => number.as_u64(),
        Value::Variable(name) => match variables.get(name)? {
            ConstValue::Number(number) => number.as_u64(),
            _ => None,
        },
        _ => None,
    };
    let page = || number("first").or_else(|| number("last")).and_then(|page| usize::try_from(page).ok());
    length("ids").or_else(|| length("representations")).or_else(|| page().map(|page| page.min(MAX_PAGE_SIZE)))
}
