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

/// The fields of introspection that list what has such fields in turn. Nested, they multiply.
const INTROSPECTION_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// How deep these may be nested. The query of every tool nests them once.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// Counts what a document asks for. Fragments count wherever they are spread; since each spread counts as
/// well, a fragment that spreads itself runs into the limit.
pub(super) struct DocumentLimits<'a> {
    document: &'a ExecutableDocument,
    limits: &'a GraphqlConfig,
    aliases: usize,
    directives: usize,
    fields: usize,
}

impl<'a> DocumentLimits<'a> {
    /// That of a document which was counted before.
    pub(super) fn new(document: &'a ExecutableDocument, limits: &'a GraphqlConfig) -> Self {
        Self { document, limits, aliases: 0, directives: 0, fields: 0 }
    }

    /// Counts a document. All its operations count, and the fragments that nothing spreads, for all of them
    /// are validated.
    ///
    /// # Errors
    /// When it exceeds one of the limits.
    pub(super) fn check(
        document: &'a ExecutableDocument,
        limits: &'a GraphqlConfig,
    ) -> Result<Self, ApiError> {
        let mut document_limits = Self::new(document, limits);
        for fragment in document.fragments.values() {
            document_limits.count_definition(&fragment.node.selection_set.node)?;
            document_limits.limit_arguments(&fragment.node.selection_set.node)?;
        }
        for (_, operation) in document.operations.iter() {
            document_limits.count(&operation.node.selection_set.node, 1, 0)?;
            document_limits.limit_arguments(&operation.node.selection_set.node)?;
        }
        Ok(document_limits)
    }

    /// How many fields the answer can have, besides `other` ones. The items of a list count as often as the
    /// page is long.
    pub(super) fn complexity(&self, selections: &SelectionSet, variables: &Variables, other: usize) -> usize {
        let of = |selection: &Positioned<Selection>| {
            let inner = self
                .nested_selections(&selection.node)
                .map_or(0, |inner| self.complexity(inner, variables, 0));
            match &selection.node {
                Selection::Field(field) => {
                    let items = items(&field.node, variables).unwrap_or_else(|| {
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

    /// Counts the selections of a fragment where it is defined, whether or not anything spreads it, for
    /// validation looks at each.
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
            for (count, most, name) in [
                (depth, limits.max_depth, "graphql.max_depth"),
                (self.fields, limits.max_fields, "graphql.max_fields"),
                (self.directives, limits.max_directives, "graphql.max_directives"),
                (self.aliases, limits.max_aliases, "graphql.max_aliases"),
                (inner_lists, MAX_INTROSPECTION_LISTS, "the depth of lists in introspection"),
            ] {
                if count > most {
                    return Err(ApiError::limit_exceeded(name, most));
                }
            }
            if let Some(inner) = self.nested_selections(&selection.node) {
                self.count(inner, inner_depth, inner_lists)?;
            }
        }
        Ok(())
    }

    /// Holds the lists in arguments against the limit, each where it stands. Called when the other limits
    /// have shown that there is an end to the selections.
    fn limit_arguments(&self, selections: &SelectionSet) -> Result<(), ApiError> {
        for selection in selections.items.iter().map(|selection| &selection.node) {
            let of_field = match selection {
                Selection::Field(field) => field.node.arguments.as_slice(),
                _ => &[],
            };
            let of_directives = selection.directives().iter().flat_map(|directive| &directive.node.arguments);
            for (_, value) in of_field.iter().chain(of_directives) {
                let value = value.node.clone().into_const_with(|_| Ok::<_, Infallible>(ConstValue::Null));
                limit_lists(value.as_ref().ok(), self.limits.max_list_items)?;
            }
            if !matches!(selection, Selection::FragmentSpread(_))
                && let Some(inner) = self.nested_selections(selection)
            {
                self.limit_arguments(inner)?;
            }
        }
        Ok(())
    }

    /// Whether these are the fields of a connection.
    fn selects_connection(&self, selections: &SelectionSet) -> bool {
        selections.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => ["edges", "nodes"].contains(&field.node.name.node.as_str()),
            fragment => self.nested_selections(fragment).is_some_and(|inner| self.selects_connection(inner)),
        })
    }

    /// The fields that the operation has at its root, whichever fragments they stand in. Called when
    /// [`DocumentLimits::count`] has shown that there is an end to them.
    pub(super) fn root_fields(&self, selections: &'a SelectionSet) -> Vec<&'a Field> {
        let of = |selection: &'a Positioned<Selection>| match &selection.node {
            Selection::Field(field) => vec![&field.node],
            fragment => {
                self.nested_selections(fragment).map_or_else(Vec::new, |inner| self.root_fields(inner))
            }
        };
        selections.items.iter().flat_map(of).collect()
    }

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

/// Holds every list in these values against the limit.
///
/// # Errors
/// When one exceeds `graphql.max_list_items`.
pub(super) fn limit_lists<'a>(
    values: impl IntoIterator<Item = &'a ConstValue>,
    most: usize,
) -> Result<(), ApiError> {
    let mut pending: Vec<&ConstValue> = values.into_iter().collect();
    while let Some(value) = pending.pop() {
        match value {
            ConstValue::List(items) if items.len() > most => {
                return Err(ApiError::limit_exceeded("graphql.max_list_items", most));
            }
            ConstValue::List(items) => pending.extend(items),
            ConstValue::Object(fields) => pending.extend(fields.values()),
            _ => {}
        }
    }
    Ok(())
}

/// How many items a field answers with, where its arguments say so: Relay's `first` and `last`, and a list
/// of `ids` or, from a router, of `representations`. Looks at variables where they are, for they may be large.
fn items(field: &Field, variables: &Variables) -> Option<usize> {
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
