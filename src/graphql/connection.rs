use async_graphql::{
    ObjectType, OutputType,
    connection::{
        Connection, CursorType, DefaultConnectionName, DefaultEdgeName, Edge, EmptyFields, EnableNodesField,
        OpaqueCursor,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::Failure;

/// The most items of a page.
const MAX_PAGE: i32 = 100;

/// The items of a page when nobody says how many.
const DEFAULT_PAGE: i32 = 25;

/// A list that is paged by key (Relay's connection specification), over keys of type `K`.
pub type List<K, Node, Extra = EmptyFields> = Connection<
    OpaqueCursor<K>,
    Node,
    Extra,
    EmptyFields,
    DefaultConnectionName,
    DefaultEdgeName,
    EnableNodesField,
>;

/// From which end of the range a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `first`: from its start.
    Forward,
    /// `last`: from its end.
    Backward,
}

/// Which page of a list was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// From which end.
    pub direction: Direction,
    /// How many items.
    pub count: usize,
    /// Only items behind this key.
    pub after: Option<K>,
    /// Only items before this key.
    pub before: Option<K>,
}

impl<K: Serialize + DeserializeOwned + Send + Sync> Page<K> {
    /// Reads Relay's four arguments.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`: both `first` and `last`, one of them out of 0 to 100, or a cursor that is none.
    pub fn parse(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, Failure> {
        let (direction, name, count) = match (first, last) {
            (Some(_), Some(_)) => return Err(Failure::bad_input("Give first or last, not both.")),
            (first, None) => (Direction::Forward, "first", first.unwrap_or(DEFAULT_PAGE)),
            (None, Some(last)) => (Direction::Backward, "last", last),
        };
        let out_of_range = || Failure::bad_input(format!("{name} must be between 0 and {MAX_PAGE}."));
        let count = usize::try_from(count).ok().filter(|_| count <= MAX_PAGE).ok_or_else(out_of_range)?;
        let key = |cursor: Option<String>, name| {
            let invalid = |_| Failure::bad_input(format!("{name} is not a cursor of this list."));
            cursor.map(|cursor| OpaqueCursor::<K>::decode_cursor(&cursor).map_err(invalid)).transpose()
        };
        let (after, before) = (key(after, "after")?, key(before, "before")?);
        Ok(Self { direction, count, after: after.map(|key| key.0), before: before.map(|key| key.0) })
    }

    /// How many rows to read: one more than the page has, to learn whether there are more.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.count as u64 + 1
    }

    /// Makes the list from the rows that were read from the page's end of the range, nearest first, at
    /// most [`Page::limit`] of them.
    pub fn list<Row, Node: OutputType, Extra: ObjectType>(
        self,
        mut rows: Vec<Row>,
        extra: Extra,
        key: impl Fn(&Row) -> K,
        node: impl Fn(Row) -> Node,
    ) -> List<K, Node, Extra> {
        let has_more = rows.len() > self.count;
        rows.truncate(self.count);
        let (has_previous, has_next) = match self.direction {
            Direction::Forward => (self.after.is_some(), has_more),
            Direction::Backward => (has_more, self.before.is_some()),
        };
        if self.direction == Direction::Backward {
            rows.reverse();
        }
        let mut list = Connection::with_additional_fields(has_previous, has_next, extra);
        list.edges.extend(rows.into_iter().map(|row| Edge::new(OpaqueCursor(key(&row)), node(row))));
        list
    }
}
