use std::ops::Bound;

use entity::{user, user_role};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Expr, IntoCondition, Order as Sort, Query, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{row, with_roles};
use crate::{
    accounts::{Account, Username, names::search_key},
    database::{Direction, PageRequest},
};

/// Filters for accounts. All given conditions must match.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// A prefix of the username, e-mail address or display name.
    pub search: Option<String>,
    /// A role that the account must have.
    pub role: Option<String>,
    /// Whether the account must be disabled or enabled.
    pub disabled: Option<bool>,
}

/// The sort key of a list of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The time of creation.
    CreatedAt,
    /// The mapped form of the username.
    Username,
    /// The time of the last sign-in. An account that has never signed in counts as the earliest.
    LastLoginAt,
}

/// The sort key and the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// The sort key.
    pub order: Order,
    /// Whether the highest value comes first.
    pub descending: bool,
}

/// The position of an account in a sorted list (keyset pagination).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum UserCursor {
    /// Sorted by creation: milliseconds since the Unix epoch, and the id.
    #[serde(rename = "c")]
    CreatedAt(i64, Uuid),
    /// Sorted by the last sign-in: milliseconds since the Unix epoch, and the id.
    #[serde(rename = "l")]
    LastLoginAt(i64, Uuid),
    /// Sorted by username.
    #[serde(rename = "u")]
    Username(String),
}

impl UserCursor {
    /// The position of an account in a list of this order.
    #[must_use]
    pub fn of(account: &Account, order: Order) -> Self {
        let id = account.id.uuid();
        match order {
            Order::CreatedAt => Self::CreatedAt(account.created_at.timestamp_millis(), id),
            Order::LastLoginAt => {
                Self::LastLoginAt(account.last_login_at.map_or(0, |time| time.timestamp_millis()), id)
            }
            Order::Username => Self::Username(account.username.clone()),
        }
    }

    /// Returns whether this is a position in a list of this order.
    #[must_use]
    pub fn matches_order(&self, order: Order) -> bool {
        let own = match self {
            Self::CreatedAt(..) => Order::CreatedAt,
            Self::LastLoginAt(..) => Order::LastLoginAt,
            Self::Username(_) => Order::Username,
        };
        own == order
    }
}

pub(in crate::accounts) async fn count(
    db: &impl ConnectionTrait,
    filter: &AccountFilter,
) -> Result<u64, DbErr> {
    let mut query = filtered(filter);
    if let Some(role) = &filter.role {
        query = query.filter(user::Column::Id.in_subquery(holders(role)));
    }
    query.count(db).await
}

/// Lists the accounts of a page, nearest to the page's end of the list first.
pub(in crate::accounts) async fn list(
    db: &impl ConnectionTrait,
    filter: &AccountFilter,
    by: OrderBy,
    page: &PageRequest<UserCursor>,
) -> Result<Vec<Account>, DbErr> {
    let mut query = filtered(filter);
    if let Some(role) = &filter.role {
        query = query.filter(has_role_condition(db, role).await?);
    }
    for (bound, is_lower) in [(&page.after, true), (&page.before, false)] {
        let cursor = match bound {
            Bound::Unbounded => continue,
            Bound::Excluded(cursor) | Bound::Included(cursor) => cursor,
        };
        let (left, right) = cursor_comparison(by.order, cursor)?;
        let is_included = matches!(bound, Bound::Included(_));
        query = query.filter(match (is_lower != by.descending, is_included) {
            (true, true) => left.gte(right),
            (true, false) => left.gt(right),
            (false, true) => left.lte(right),
            (false, false) => left.lt(right),
        });
    }
    let reverse = page.direction == Direction::Backward;
    let sort = if by.descending == reverse { Sort::Asc } else { Sort::Desc };
    let query = match by.order {
        Order::CreatedAt => {
            query.order_by(user::Column::CreatedAt, sort.clone()).order_by(user::Column::Id, sort)
        }
        Order::LastLoginAt => query.order_by(last_login(), sort.clone()).order_by(user::Column::Id, sort),
        Order::Username => query.order_by(user::Column::UsernameKey, sort),
    };
    let rows = row::accounts(query.limit(page.limit())).all(db).await?;
    with_roles(db, rows).await
}

/// The two sides of the comparison with a cursor: the expression for a row, and the value of the cursor.
fn cursor_comparison(order: Order, cursor: &UserCursor) -> Result<(SimpleExpr, SimpleExpr), DbErr> {
    Ok(match (order, cursor) {
        (Order::CreatedAt, UserCursor::CreatedAt(time, id)) => (
            Expr::tuple([Expr::col(user::Column::CreatedAt), Expr::col(user::Column::Id)]),
            Expr::tuple([Expr::val(*time), Expr::val(*id)]),
        ),
        (Order::LastLoginAt, UserCursor::LastLoginAt(time, id)) => (
            Expr::tuple([last_login(), Expr::col(user::Column::Id)]),
            Expr::tuple([Expr::val(*time), Expr::val(*id)]),
        ),
        (Order::Username, UserCursor::Username(username)) => {
            let key = Username::parse(username).map(|name| name.key().to_owned()).unwrap_or_default();
            (Expr::col(user::Column::UsernameKey), Expr::val(key))
        }
        _ => return Err(DbErr::Custom("the cursor is of another order".to_owned())),
    })
}

/// The generated column with the time of the last sign-in, or zero.
fn last_login() -> SimpleExpr {
    Expr::cust("last_login_key")
}

/// The maximum number of holders of a role that are listed by id and sorted. With more holders, the database
/// scans the list in its order, because a page then fills quickly.
const SMALL_ROLE_SIZE: u64 = 500;

/// The condition "has this role". For up to `SMALL_ROLE_SIZE` holders it lists their ids. Otherwise it is an
/// EXISTS subquery, which is cheaper if most users match.
async fn has_role_condition(db: &impl ConnectionTrait, role: &str) -> Result<Condition, DbErr> {
    let found = user_role::Entity::find()
        .filter(user_role::Column::Role.eq(role))
        .limit(SMALL_ROLE_SIZE + 1)
        .all(db)
        .await?;
    if found.len() as u64 <= SMALL_ROLE_SIZE {
        let ids = found.into_iter().map(|row| row.user_id);
        return Ok(user::Column::Id.is_in(ids).into_condition());
    }
    let own =
        Expr::col((user_role::Entity, user_role::Column::UserId)).equals((user::Entity, user::Column::Id));
    Ok(Expr::exists(holders(role).and_where(own).to_owned()).into_condition())
}

fn holders(role: &str) -> SelectStatement {
    Query::select()
        .column(user_role::Column::UserId)
        .from(user_role::Entity)
        .and_where(user_role::Column::Role.eq(role))
        .to_owned()
}

fn filtered(filter: &AccountFilter) -> Select<user::Entity> {
    let mut query = user::Entity::find();
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        let start = search_key(search);
        let mut any = Condition::any();
        for column in [user::Column::UsernameKey, user::Column::EmailKey, user::Column::DisplayNameKey] {
            // A range, because an index can serve it.
            let end = format!("{start}\u{10ffff}");
            any = any.add(column.gte(start.as_str()).and(column.lt(end)));
        }
        query = query.filter(any);
    }
    if let Some(disabled) = filter.disabled {
        // The same expression as in the partial indexes. A parameter would keep the planner from using them.
        let is_disabled = Expr::col(user::Column::Disabled);
        query = query.filter(if disabled { is_disabled } else { is_disabled.not() });
    }
    query
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_encoding_and_belongs_to_one_order(time: i64, bits: u128, username: String) {
            let id = Uuid::from_u128(bits);
            for (key, order) in [
                (UserCursor::CreatedAt(time, id), Order::CreatedAt),
                (UserCursor::LastLoginAt(time, id), Order::LastLoginAt),
                (UserCursor::Username(username), Order::Username),
            ] {
                let text = serde_json::to_string(&key).expect("JSON");
                prop_assert_eq!(serde_json::from_str::<UserCursor>(&text).expect("the same"), key.clone());
                for other in [Order::CreatedAt, Order::LastLoginAt, Order::Username] {
                    prop_assert_eq!(key.matches_order(other), other == order);
                }
            }
        }
    }
}
