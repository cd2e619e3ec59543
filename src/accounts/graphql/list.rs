use async_graphql::{Context, Enum, InputObject, Object};

use super::User;
use crate::{
    accounts::{AccountFilter, Accounts, Order, OrderBy},
    graphql::{ApiError, List},
};

/// A list of accounts.
pub type UserList = List<User, UserConnectionFields>;

/// The fields of a `UserConnection` besides its page.
pub struct UserConnectionFields {
    pub(super) filter: AccountFilter,
}

#[Object]
impl UserConnectionFields {
    /// The number of accounts in the whole list, on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = ctx.data_unchecked::<Accounts>().count(&self.filter).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// Filters for accounts. All given conditions must match.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// A prefix of the username, e-mail address or display name.
    search: Option<String>,
    /// Only accounts with this role.
    role: Option<String>,
    /// Only disabled accounts if true, only enabled accounts if false.
    disabled: Option<bool>,
}

impl UserFilter {
    pub(super) fn parse(self) -> Result<AccountFilter, ApiError> {
        let texts = [self.search.as_deref(), self.role.as_deref()];
        if texts.into_iter().flatten().any(|text| text.len() > 256 || text.contains('\0')) {
            return Err(ApiError::bad_user_input(
                "A filter must have at most 256 bytes and no NUL character.",
            ));
        }
        Ok(AccountFilter { search: self.search, role: self.role, disabled: self.disabled })
    }
}

/// The order of a list of accounts.
#[derive(InputObject)]
pub struct UserOrder {
    /// The field to sort by.
    field: UserOrderField,
    /// The direction to sort in.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// The fields by which accounts can be sorted.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserOrderField {
    /// The time when the account was created.
    CreatedAt,
    /// The username of the account.
    Username,
    /// The time of the last sign-in. An account that has never signed in counts as the earliest.
    LastLoginAt,
}

/// The direction in which a list is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Ascending: the lowest value or earliest time first.
    Asc,
    /// Descending: the highest value or latest time first.
    Desc,
}

impl UserOrder {
    /// Newest accounts first.
    pub(super) fn newest() -> Self {
        Self { field: UserOrderField::CreatedAt, direction: OrderDirection::Desc }
    }

    pub(super) fn order_by(&self) -> OrderBy {
        let order = match self.field {
            UserOrderField::CreatedAt => Order::CreatedAt,
            UserOrderField::Username => Order::Username,
            UserOrderField::LastLoginAt => Order::LastLoginAt,
        };
        OrderBy { order, descending: self.direction == OrderDirection::Desc }
    }
}
