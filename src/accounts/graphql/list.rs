use async_graphql::{Context, Enum, InputObject, Object};

use super::User;
use crate::{
    accounts::{Accounts, Filter, Order, OrderBy},
    graphql::{ApiError, List},
};

/// A list of accounts.
pub type UserList = List<User, UserCount>;

/// What a list of accounts has besides its page.
pub struct UserCount {
    pub(super) filter: Filter,
}

#[Object]
impl UserCount {
    /// How many accounts the whole list has.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = ctx.data_unchecked::<Accounts>().count(&self.filter).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// Which accounts. What is left out does not matter.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// The start of their username, e-mail address or display name.
    search: Option<String>,
    /// A role that they hold.
    role: Option<String>,
    /// Whether they are disabled.
    disabled: Option<bool>,
}

impl UserFilter {
    pub(super) fn parse(self) -> Result<Filter, ApiError> {
        let texts = [self.search.as_deref(), self.role.as_deref()];
        if texts.into_iter().flatten().any(|text| text.len() > 256 || text.contains('\0')) {
            return Err(ApiError::bad_user_input("A filter has at most 256 bytes, and no NUL among them."));
        }
        Ok(Filter { search: self.search, role: self.role, disabled: self.disabled })
    }
}

/// How accounts are sorted.
#[derive(InputObject)]
pub struct UserOrder {
    /// By what.
    field: UserOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

/// By what accounts are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserOrderField {
    /// When they were made.
    CreatedAt,
    /// Their username.
    Username,
    /// Their last sign-in; who has never signed in counts as the longest ago.
    LastLoginAt,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// The least first.
    Asc,
    /// The greatest first.
    Desc,
}

impl UserOrder {
    /// The newest accounts first.
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
