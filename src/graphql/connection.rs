use std::{borrow::Cow, ops::Bound};

use async_graphql::{
    Context, Object, ObjectType, OutputType, SimpleObject, TypeName,
    connection::{CursorType, EmptyFields, OpaqueCursor},
};
use serde::{Serialize, de::DeserializeOwned};

use super::ApiError;
use crate::database::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
pub use crate::database::{Direction, PageRequest};

/// A page of a list of `Node`, with keyset pagination (Relay's Cursor Connections Specification). `Extra` has the
/// additional fields of the list.
///
/// async-graphql's `connection::Connection` cannot replace it (8.0.0-rc.5). Its type has no description in the schema.
/// Its lists and edges are `@shareable`, which would let another subgraph of a supergraph resolve the fields of ours.
/// Its `PageInfo` does not say when a cursor is null.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::ops::RangeBounds;
///
/// use async_graphql::{Context, Object};
/// use portcullis::graphql::{ApiError, Direction, EmptyFields, List, PageRequest};
/// use portcullis::{Portcullis, testing::TestServer};
/// use serde_json::json;
///
/// struct Numbers;
///
/// #[Object]
/// impl Numbers {
///     /// The numbers from 1 to 50.
///     async fn numbers(
///         &self,
///         ctx: &Context<'_>,
///         first: Option<i32>,
///         after: Option<String>,
///         last: Option<i32>,
///         before: Option<String>,
///     ) -> Result<List<i32>, ApiError> {
///         let page = PageRequest::parse(first, after, last, before)?;
///         let page = page.read(ctx, |page| async move { Ok::<_, ApiError>(rows(&page)) }).await?;
///         Ok(page.list(EmptyFields, |number| *number, |number| number))
///     }
/// }
///
/// /// The rows of a page. A database does the same by a query.
/// fn rows(page: &PageRequest<i32>) -> Vec<i32> {
///     let range = (page.after, page.before);
///     let mut rows: Vec<i32> = (1..=50).filter(|number| range.contains(number)).collect();
///     if page.direction == Direction::Backward {
///         rows.reverse();
///     }
///     rows.truncate(page.limit() as usize);
///     rows
/// }
///
/// let server = TestServer::start(Portcullis::builder().query(Numbers)).await;
/// let query = "{ numbers(last: 2) { nodes pageInfo { hasPreviousPage } } }";
/// let response = server.graphql(None, query, json!({})).await;
/// let expected = json!({ "nodes": [49, 50], "pageInfo": { "hasPreviousPage": true } });
/// assert_eq!(response["data"]["numbers"], expected);
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct List<Node, Extra = EmptyFields> {
    edges: Vec<Edge<Node>>,
    page_info: PageInfo,
    extra: Extra,
}

/// An item of a list, with its cursor.
struct Edge<Node> {
    cursor: String,
    node: Node,
}

/// The position of a page in its list.
#[derive(Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether the list has items after this page.
    has_next_page: bool,
    /// Whether the list has items before this page.
    has_previous_page: bool,
    /// The cursor of the first item of the page. Null if the page is empty.
    start_cursor: Option<String>,
    /// The cursor of the last item of the page. Null if the page is empty.
    end_cursor: Option<String>,
}

/// A page of a list (Relay's Cursor Connections Specification).
#[Object(name_type)]
impl<Node: OutputType, Extra: ObjectType> List<Node, Extra> {
    /// The items of the page, each with its cursor.
    async fn edges(&self) -> &[Edge<Node>] {
        &self.edges
    }

    /// The items of the page, without their cursors.
    async fn nodes(&self) -> Vec<&Node> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    #[graphql(flatten)]
    async fn extra(&self) -> &Extra {
        &self.extra
    }
}

impl<Node: OutputType, Extra: ObjectType> TypeName for List<Node, Extra> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", Node::type_name()).into()
    }
}

/// An item of a list, with its cursor.
#[Object(name_type)]
impl<Node: OutputType> Edge<Node> {
    /// The cursor of the item, for the arguments `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item of this edge.
    async fn node(&self) -> &Node {
        &self.node
    }
}

impl<Node: OutputType> TypeName for Edge<Node> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", Node::type_name()).into()
    }
}

/// The rows of a page in the order of the list, and whether the list has rows before and after them.
pub struct Page<Row> {
    items: Vec<Row>,
    has_previous: bool,
    has_next: bool,
}

impl<K: Clone + Serialize + DeserializeOwned + Send + Sync> PageRequest<K> {
    /// Reads Relay's four arguments.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if both `first` and `last` are given, if one of them is not within 0 to 100, or if a cursor is
    /// invalid.
    pub fn parse(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self, ApiError> {
        let (direction, name, count) = match (first, last) {
            (Some(_), Some(_)) => return Err(ApiError::bad_user_input("Give first or last, not both.")),
            (first, None) => (Direction::Forward, "first", first.map(usize::try_from)),
            (None, Some(last)) => (Direction::Backward, "last", Some(usize::try_from(last))),
        };
        let out_of_range =
            || ApiError::bad_user_input(format!("{name} must be between 0 and {MAX_PAGE_SIZE}."));
        let count = count.unwrap_or(Ok(DEFAULT_PAGE_SIZE)).ok().filter(|count| *count <= MAX_PAGE_SIZE);
        let count = count.ok_or_else(out_of_range)?;
        let key = |cursor: Option<String>, name| -> Result<Bound<K>, ApiError> {
            let invalid = |_| ApiError::bad_user_input(format!("{name} is not a cursor of this list."));
            let key = cursor.map(|cursor| OpaqueCursor::<K>::decode_cursor(&cursor).map_err(invalid));
            Ok(key.transpose()?.map_or(Bound::Unbounded, |key| Bound::Excluded(key.0)))
        };
        Ok(Self { direction, count, after: key(after, "after")?, before: key(before, "before")? })
    }

    /// Reads the rows of the page. `read` returns the rows of any page: up to [`PageRequest::limit`], in the direction
    /// of the page. Rows beyond a cursor are read only if the caller selects the field that depends on them.
    ///
    /// # Errors
    /// The errors of `read`.
    pub async fn read<Row, Error, Reading>(
        self,
        ctx: &Context<'_>,
        read: impl Fn(Self) -> Reading,
    ) -> Result<Page<Row>, Error>
    where
        Reading: Future<Output = Result<Vec<Row>, Error>>,
    {
        // On the heap, because the future of an object is as large as that of its largest field.
        let read = |page| Box::pin(read(page));
        let mut rows = read(self.clone()).await?;
        let has_more = rows.len() > self.count;
        rows.truncate(self.count);
        let (mut has_previous, mut has_next) = match self.direction {
            Direction::Forward => (false, has_more),
            Direction::Backward => (has_more, false),
        };
        if self.direction == Direction::Backward {
            rows.reverse();
        }
        let is_selected = |field| ctx.look_ahead().field("pageInfo").field(field).exists();
        if let Bound::Excluded(after) = self.after
            && !has_previous
            && is_selected("hasPreviousPage")
        {
            has_previous = !read(Self::probe(Direction::Backward, after)).await?.is_empty();
        }
        if let Bound::Excluded(before) = self.before
            && !has_next
            && is_selected("hasNextPage")
        {
            has_next = !read(Self::probe(Direction::Forward, before)).await?.is_empty();
        }
        Ok(Page { items: rows, has_previous, has_next })
    }

    /// A request for the item with this key, or otherwise for the next item in this direction.
    fn probe(direction: Direction, key: K) -> Self {
        let (after, before) = match direction {
            Direction::Forward => (Bound::Included(key), Bound::Unbounded),
            Direction::Backward => (Bound::Unbounded, Bound::Included(key)),
        };
        // `limit` adds one row, which is enough.
        Self { direction, count: 0, after, before }
    }
}

impl<Row> Page<Row> {
    /// Converts the page to a list of nodes with cursors.
    pub fn list<K, Node, Extra>(
        self,
        extra: Extra,
        key: impl Fn(&Row) -> K,
        node: impl Fn(Row) -> Node,
    ) -> List<Node, Extra>
    where
        K: Serialize + DeserializeOwned + Send + Sync,
    {
        let edge = |row| Edge { cursor: OpaqueCursor(key(&row)).encode_cursor(), node: node(row) };
        let edges: Vec<_> = self.items.into_iter().map(edge).collect();
        let cursor = |edge: Option<&Edge<Node>>| edge.map(|edge| edge.cursor.clone());
        let page_info = PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: cursor(edges.first()),
            end_cursor: cursor(edges.last()),
        };
        List { edges, page_info, extra }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::graphql::ErrorCode;

    type Key = (i64, String);

    fn after(cursor: String) -> Result<Bound<Key>, ApiError> {
        PageRequest::parse(Some(1), Some(cursor), None, None).map(|page| page.after)
    }

    fn read_again(key: Bound<Key>) -> Result<Bound<Key>, ApiError> {
        let Bound::Excluded(key) = key else { panic!("the page is after a key") };
        after(OpaqueCursor(key).encode_cursor())
    }

    proptest! {
        #[test]
        fn a_key_survives_its_cursor(key: Key) {
            let cursor = OpaqueCursor(key.clone()).encode_cursor();
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(after(cursor), Ok(Bound::Excluded(key)));
        }

        #[test]
        fn a_string_is_a_cursor_or_is_refused(text in "[A-Za-z0-9_-]{0,30}|.{0,30}|WzEsIiJd.?") {
            match after(text) {
                Ok(key) => prop_assert_eq!(read_again(key.clone()), Ok(key)),
                Err(error) => prop_assert_eq!(error.code, ErrorCode::BadUserInput),
            }
        }

        #[test]
        fn a_page_has_at_most_a_hundred_items_and_one_end(first: Option<i32>, last in prop::option::of(-5..105)) {
            let page = PageRequest::<Key>::parse(first, None, last, None);
            match (first, last) {
                (None, None) => prop_assert_eq!(page.map(|page| page.count), Ok(DEFAULT_PAGE_SIZE)),
                (Some(count), None) | (None, Some(count)) if (0..=100).contains(&count) => {
                    prop_assert_eq!(page.map(|page| i32::try_from(page.count)), Ok(Ok(count)));
                }
                _ => prop_assert_eq!(page.map_err(|error| error.code), Err(ErrorCode::BadUserInput)),
            }
        }
    }
}
