//! The GraphQL fields of accounts.

mod list;
mod profile;
mod user;

use async_graphql::{Context, ID, Object, SimpleObject};

pub use self::{
    list::{OrderDirection, UserConnectionFields, UserFilter, UserList, UserOrder, UserOrderField},
    profile::{UpdateProfileInput, parse_change},
    user::{AccountLoader, User, load_user},
};
use super::{Account, AccountError, Accounts, UserCursor};
use crate::{
    audit::Actor,
    database::PageRequest,
    graphql::{
        ApiError, Requirements, UserError, UserErrorCode, account_and_session, caller, guarded, user_id,
    },
    limits::{Decision, Throttle},
    tokens::Caller,
};

/// The queries about accounts.
#[derive(Default)]
pub struct AccountsQuery;

#[guarded]
#[Object]
impl AccountsQuery {
    /// The user who is signed in.
    #[authenticated]
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        let account = ctx.data_unchecked::<Accounts>().find(user_id(ctx)?).await?;
        Ok(account.map(|account| User::new(account, caller(ctx).clone())))
    }

    /// The account with this username. Null if there is none.
    #[requires_scopes("users:read")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The username, in upper or lower case.")] username: String,
    ) -> Result<Option<User>, ApiError> {
        // On the heap, because the future of an object is as large as that of its largest field.
        let account = Box::pin(ctx.data_unchecked::<Accounts>().find_by_username(&username)).await?;
        Ok(account.map(|account| User::new(account, caller(ctx).clone())))
    }

    /// The accounts that match the filter.
    #[requires_scopes("users:read")]
    #[expect(clippy::too_many_arguments, reason = "Relay's four, a filter and an order")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start: 0 to 100. The default is 25 without `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions that the accounts must meet.")] filter: Option<UserFilter>,
        #[graphql(desc = "The order of the accounts.", default_with = "Some(UserOrder::newest())")]
        order_by: Option<UserOrder>,
    ) -> Result<Option<UserList>, ApiError> {
        let page = PageRequest::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default().parse()?;
        let by = order_by.unwrap_or_else(UserOrder::newest).order_by();
        if !page.keys().all(|key: &UserCursor| key.matches_order(by.order)) {
            return Err(ApiError::bad_user_input("The cursor belongs to a list with another order."));
        }
        let (accounts, wanted) = (ctx.data_unchecked::<Accounts>(), &filter);
        let page = page.read(ctx, |page| async move { accounts.list(wanted, by, &page).await }).await?;
        let viewer = caller(ctx);
        let node = |account| User::new(account, viewer.clone());
        Ok(Some(page.list(
            UserConnectionFields { filter },
            |account| UserCursor::of(account, by.order),
            node,
        )))
    }
}

/// The payload of the mutations that create or change an account.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The account after the mutation. Null if there are errors.
    user: Option<User>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

impl UserPayload {
    /// The payload of a mutation that succeeded.
    #[must_use]
    pub fn success(account: Account, viewer: Caller) -> Self {
        Self { user: Some(User::new(account, viewer)), errors: Vec::new() }
    }

    /// The payload of a mutation that failed.
    #[must_use]
    pub fn failure(errors: Vec<UserError>) -> Self {
        Self { user: None, errors }
    }
}

/// The payload of the mutations that delete an object.
#[derive(SimpleObject)]
pub struct DeletePayload {
    /// The ID of the deleted object. Null if there are errors.
    pub deleted_id: Option<ID>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    pub errors: Vec<UserError>,
}

/// The mutations of accounts.
#[derive(Default)]
pub struct AccountsMutation;

#[guarded]
#[Object]
impl AccountsMutation {
    /// Changes your profile: your names, your e-mail address, your language, your picture and your metadata.
    #[authenticated]
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to your profile.")] input: UpdateProfileInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let (user, _) = account_and_session(ctx)?;
        let viewer = caller(ctx);
        let max_age = ctx.data_unchecked::<Accounts>().config.accounts.step_up_after;
        if input.has_email() && !max_age.is_zero() {
            let seconds = u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
            Requirements::AUTHENTICATED.recent_login(seconds, None).check(ctx)?;
        }
        let changes = match input.parse() {
            Ok(changes) => changes,
            Err(error) => return Ok(Some(UserPayload::failure(vec![error.into_user_error()?]))),
        };
        if let Decision::Refused { retry_after, .. } =
            ctx.data_unchecked::<Throttle>().try_change(user).await?
        {
            return Ok(Some(UserPayload::failure(vec![UserError::rate_limited(retry_after)])));
        }
        match ctx.data_unchecked::<Accounts>().update_profile(user, changes, Actor::of(ctx)).await {
            Ok(account) => Ok(Some(UserPayload::success(account, viewer.clone()))),
            Err(error) => Ok(Some(UserPayload::failure(vec![error.into_user_error()?]))),
        }
    }
}

impl AccountError {
    /// Converts the error to one that the user can act on.
    ///
    /// # Errors
    /// If the user cannot act on it.
    pub fn into_user_error(self) -> Result<UserError, ApiError> {
        let message = self.to_string();
        Ok(match self {
            Self::UsernameTaken => {
                UserError::of_field(UserErrorCode::UsernameTaken, "username", "This username is taken.")
            }
            Self::UsernameLooksTaken => {
                let message = "This username looks like one that is taken.";
                UserError::of_field(UserErrorCode::UsernameTaken, "username", message)
            }
            Self::UsernameReserved => {
                let message = "This username is reserved. Choose another one.";
                UserError::of_field(UserErrorCode::UsernameInvalid, "username", message)
            }
            Self::UsernameInvalid(_) => {
                UserError::of_field(UserErrorCode::UsernameInvalid, "username", message)
            }
            Self::EmailRequired => {
                let message = "An e-mail address is required.";
                UserError::of_field(UserErrorCode::EmailInvalid, "email", message)
            }
            Self::EmailTaken => {
                let message = "Another account has verified this address.";
                UserError::of_field(UserErrorCode::EmailTaken, "email", message)
            }
            Self::EmailInvalid(_) => UserError::of_field(UserErrorCode::EmailInvalid, "email", message),
            Self::DisplayNameInvalid(_) | Self::ProfileInvalid(_) | Self::TooManyScopes => {
                return Err(ApiError::bad_user_input(message));
            }
            Self::UnknownRole(_) => UserError::of_field(UserErrorCode::UnknownRole, "roles", message),
            Self::LastAdmin => {
                let message = "This is the last administrator who can sign in.";
                UserError::new(UserErrorCode::LastAdmin, message)
            }
            Self::Unauthenticated(rejection) => return Err(ApiError::unauthenticated(rejection)),
            Self::NotFound => UserError::new(UserErrorCode::NotFound, "The account does not exist."),
            Self::Hook(error) => return Err(ApiError::internal(&error)),
            Self::Database(error) => return Err(error.into()),
        })
    }
}
