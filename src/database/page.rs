//! Keyset pagination: a page is requested by the key of the row before or after it, not by a number of rows to skip.

use std::ops::Bound;

use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::id::{Id, Kind};

/// The maximum number of items on a page.
pub(crate) const MAX_PAGE_SIZE: usize = 100;

/// The number of items on a page if the request does not specify one.
pub(crate) const DEFAULT_PAGE_SIZE: usize = 25;

/// The end of the range at which a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the start of the range (`first`).
    Forward,
    /// From the end of the range (`last`).
    Backward,
}

/// A request for one page of a list that is sorted by `K`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The end of the range at which the page begins.
    pub direction: Direction,
    /// The maximum number of items.
    pub count: usize,
    /// The lower bound of the keys.
    pub after: Bound<K>,
    /// The upper bound of the keys.
    pub before: Bound<K>,
}

impl<K> PageRequest<K> {
    /// The number of rows to read: one more than the page has, to find out whether another page follows.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.count as u64 + 1
    }

    /// The keys of the given cursors.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        [&self.after, &self.before].into_iter().filter_map(|bound| match bound {
            Bound::Excluded(key) | Bound::Included(key) => Some(key),
            Bound::Unbounded => None,
        })
    }

    /// Reads a list page by page, up to `max` rows. `read` returns the rows of one page, up to [`PageRequest::limit`].
    /// `key` returns the key of a row.
    ///
    /// # Errors
    /// `read` failed.
    pub async fn read_all<Row, Error, Reading>(
        max: usize,
        key: impl Fn(&Row) -> K,
        read: impl Fn(Self) -> Reading,
    ) -> Result<Vec<Row>, Error>
    where
        Reading: Future<Output = Result<Vec<Row>, Error>>,
    {
        let mut rows = Vec::new();
        let mut after = Bound::Unbounded;
        while rows.len() < max {
            let count = MAX_PAGE_SIZE.min(max - rows.len());
            let page = Self { direction: Direction::Forward, count, after, before: Bound::Unbounded };
            let mut page = read(page).await?;
            let has_more = page.len() > count;
            page.truncate(count);
            after = page.last().map_or(Bound::Unbounded, |last| Bound::Excluded(key(last)));
            rows.extend(page);
            if !has_more {
                break;
            }
        }
        Ok(rows)
    }
}

impl<K: Kind> PageRequest<Id<K>> {
    /// The query for the rows of the page in a list with the newest first. Ids sort by their time of creation
    /// (UUIDv7).
    pub fn newest_first<E: EntityTrait>(&self, query: Select<E>, id: E::Column) -> Select<E> {
        let query = match self.after {
            Bound::Excluded(after) => query.filter(id.lt(after.uuid())),
            Bound::Included(after) => query.filter(id.lte(after.uuid())),
            Bound::Unbounded => query,
        };
        let query = match self.before {
            Bound::Excluded(before) => query.filter(id.gt(before.uuid())),
            Bound::Included(before) => query.filter(id.gte(before.uuid())),
            Bound::Unbounded => query,
        };
        let order = match self.direction {
            Direction::Forward => Order::Desc,
            Direction::Backward => Order::Asc,
        };
        query.order_by(id, order).limit(self.limit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the numbers below `all` as a list, up to `max` of them.
    async fn read(all: u32, max: usize) -> Vec<u32> {
        let read = |page: PageRequest<u32>| async move {
            let Bound::Excluded(after) = page.after else {
                return Ok((0..all).take(page.count + 1).collect());
            };
            Ok::<Vec<u32>, ()>((after + 1..all).take(page.count + 1).collect())
        };
        PageRequest::read_all(max, |row| *row, read).await.expect("reading cannot fail")
    }

    #[tokio::test]
    async fn each_row_is_read_once_up_to_the_maximum() {
        for all in [0, 1, 99, 100, 101, 200, 201, 250] {
            for max in [0, 1, 100, 101, 230, usize::MAX] {
                let expected: Vec<u32> = (0..all).take(max).collect();
                assert_eq!(read(all, max).await, expected, "{max} of {all}");
            }
        }
    }
}
