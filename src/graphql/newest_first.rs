use std::ops::Bound;

use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{Direction, PageRequest};
use crate::id::{Id, Kind};

impl<K: Kind> PageRequest<Id<K>> {
    /// The rows of the page, from its end of a list that has the newest first: ids sort by the time at which
    /// they were made.
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
