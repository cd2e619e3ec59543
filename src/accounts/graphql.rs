//! Accounts in the schema.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject,
    dataloader::{DataLoader, Loader},
};

use super::{
    Account, AccountChanges, AccountError, Accounts, DisplayName, EmailAddress, Filter, Order, OrderBy,
    PageKey,
};
use crate::{
    audit::Actor,
    graphql::{Client, DateTime, Failure, List, Page, UserError, UserErrorCode, caller, guarded, node_id},
    id::{SessionId, UserId},
    sessions::{
        Sessions,
        graphql::{SessionCount, SessionList, UserSession},
    },
    tokens::Caller,
};

/// Somebody who can sign in.
#[derive(Clone)]
pub struct User {
    account: Arc<Account>,
    viewer: Caller,
}

impl User {
    /// An account as somebody sees it.
    #[must_use]
    pub fn new(account: impl Into<Arc<Account>>, viewer: Caller) -> Self {
        Self { account: account.into(), viewer }
    }

    /// The account of this id, when the caller may see it: their own, or any with `users:read`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn visible(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, Failure> {
        let viewer = caller(ctx);
        if viewer.user() != Some(id) && !viewer.has_scope("users:read") {
            return Ok(None);
        }
        let account = ctx.data_unchecked::<Accounts>().find(id).await?;
        Ok(account.map(|account| Self::new(account, viewer)))
    }

    fn is_own(&self) -> bool {
        self.viewer.user() == Some(self.account.id)
    }
}

/// Somebody who can sign in.
#[guarded]
#[Object]
impl User {
    /// The account's id, the same string as the `sub` claim.
    pub async fn id(&self) -> ID {
        node_id(self.account.id)
    }

    /// The name to sign in with. Upper and lower case are the same name.
    async fn username(&self) -> &str {
        &self.account.username
    }

    /// What to call the person.
    async fn display_name(&self) -> Option<&str> {
        self.account.display_name.as_deref()
    }

    /// The e-mail address. Null unless the account is your own or your token has the scope users:read.
    async fn email(&self) -> Option<&str> {
        let may = self.is_own() || self.viewer.has_scope("users:read");
        self.account.email.as_deref().filter(|_| may)
    }

    /// Whether the person has shown that the address is theirs.
    async fn email_verified(&self) -> bool {
        self.account.email_verified
    }

    /// The account's roles, sorted. What each may do is the server's to configure.
    async fn roles(&self) -> &[String] {
        &self.account.roles
    }

    /// Whether an administrator has barred the account from signing in.
    async fn disabled(&self) -> bool {
        self.account.disabled
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.account.created_at)
    }

    /// When the account was last changed by its owner or an administrator.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.account.updated_at)
    }

    /// The last sign-in; null when there was none.
    async fn last_login_at(&self) -> Option<DateTime> {
        self.account.last_login_at.map(DateTime)
    }

    /// The account's open sessions, the newest first. Null unless the account is your own or your token
    /// has the scope sessions:read.
    #[nullable]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from the start: 0 to 100, 25 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many, from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Option<SessionList>, Failure> {
        if !self.is_own() && !self.viewer.has_scope("sessions:read") {
            return Ok(None);
        }
        let page = Page::<SessionId>::parse(first, after, last, before)?;
        let sessions = ctx.data_unchecked::<Sessions>().list(self.account.id, &page).await?;
        let node = |session| UserSession::new(session, self.viewer.clone());
        Ok(Some(page.list(sessions, SessionCount(self.account.id), |session| session.id, node)))
    }
}

/// Reads the accounts of many nodes at once.
pub struct AccountLoader(pub Accounts);

impl Loader<UserId> for AccountLoader {
    type Value = Arc<Account>;
    type Error = Failure;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<Account>>, Failure> {
        let accounts = self.0.find_many(ids).await?;
        Ok(accounts.into_iter().map(|account| (account.id, Arc::new(account))).collect())
    }
}

/// The account that another node speaks of, when it still exists.
///
/// # Errors
/// When the database does not answer.
pub async fn load_user(ctx: &Context<'_>, id: UserId, viewer: &Caller) -> Result<Option<User>, Failure> {
    let loader = ctx.data_unchecked::<DataLoader<AccountLoader>>();
    let account = loader.load_one(id).await?;
    Ok(account.map(|account| User::new(account, viewer.clone())))
}

/// A list of accounts.
pub type UserList = List<User, UserCount>;

/// What a list of accounts has besides its page.
pub struct UserCount {
    filter: Filter,
}

#[Object]
impl UserCount {
    /// How many accounts the whole list has.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, Failure> {
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
    fn parse(self) -> Result<Filter, Failure> {
        let texts = [self.search.as_deref(), self.role.as_deref()];
        if texts.into_iter().flatten().any(|text| text.len() > 256 || text.contains('\0')) {
            return Err(Failure::bad_input("A filter has at most 256 bytes, and no NUL among them."));
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
    fn newest() -> Self {
        Self { field: UserOrderField::CreatedAt, direction: OrderDirection::Desc }
    }

    fn order_by(&self) -> OrderBy {
        let order = match self.field {
            UserOrderField::CreatedAt => Order::CreatedAt,
            UserOrderField::Username => Order::Username,
            UserOrderField::LastLoginAt => Order::LastLoginAt,
        };
        OrderBy { order, descending: self.direction == OrderDirection::Desc }
    }
}

/// The queries about accounts.
#[derive(Default)]
pub struct AccountsQuery;

#[guarded]
#[Object]
impl AccountsQuery {
    /// The caller.
    #[authenticated]
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<User>, Failure> {
        let viewer = caller(ctx);
        let Some(id) = viewer.user() else { return Ok(None) };
        let account = ctx.data_unchecked::<Accounts>().find(id).await?;
        Ok(account.map(|account| User::new(account, viewer)))
    }

    /// The account of a username.
    #[requires_scopes("users:read")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In upper or lower case.")] username: String,
    ) -> Result<Option<User>, Failure> {
        let account = ctx.data_unchecked::<Accounts>().find_by_username(&username).await?;
        Ok(account.map(|account| User::new(account, caller(ctx))))
    }

    /// All accounts.
    #[requires_scopes("users:read")]
    #[expect(clippy::too_many_arguments, reason = "Relay's four, a filter and an order")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from the start: 0 to 100, 25 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many, from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which accounts.")] filter: Option<UserFilter>,
        #[graphql(desc = "How they are sorted.", default_with = "Some(UserOrder::newest())")]
        order_by: Option<UserOrder>,
    ) -> Result<Option<UserList>, Failure> {
        let page = Page::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default().parse()?;
        let by = order_by.unwrap_or_else(UserOrder::newest).order_by();
        if ![&page.after, &page.before].into_iter().flatten().all(|key: &PageKey| key.is_of(by.order)) {
            return Err(Failure::bad_input("The cursor is of a list in another order."));
        }
        let accounts = ctx.data_unchecked::<Accounts>().list(&filter, by, &page).await?;
        let viewer = caller(ctx);
        let node = |account| User::new(account, viewer.clone());
        let list = page.list(accounts, UserCount { filter }, |account| PageKey::of(account, by.order), node);
        Ok(Some(list))
    }

    /// What a sign-in form must know before anyone is signed in.
    async fn server(&self, ctx: &Context<'_>) -> Server {
        let config = ctx.data_unchecked::<Accounts>().config();
        let length = |length| i32::try_from(length).unwrap_or(i32::MAX);
        Server {
            version: env!("CARGO_PKG_VERSION"),
            registration_open: config.accounts.registration_open,
            password_policy: PasswordPolicy {
                min_length: length(config.passwords.min_length),
                max_length: length(config.passwords.max_length),
            },
        }
    }
}

/// What a sign-in form must know before anyone is signed in.
#[derive(SimpleObject)]
struct Server {
    /// The release of Portcullis.
    version: &'static str,
    /// Whether anybody may register.
    registration_open: bool,
    /// What a new password must be like.
    password_policy: PasswordPolicy,
}

/// What a new password must be like. One that is easy to guess is refused besides.
#[derive(SimpleObject)]
struct PasswordPolicy {
    /// The fewest characters.
    min_length: i32,
    /// The most characters.
    max_length: i32,
}

/// What is to change about your profile. What is left out stays as it is; null clears it.
#[derive(InputObject)]
pub struct UpdateProfileInput {
    /// What to call you.
    display_name: MaybeUndefined<String>,
    /// Your e-mail address. A new one is not verified.
    email: MaybeUndefined<String>,
}

/// An account that was made or changed.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The account as it is now; null when there are errors.
    user: Option<User>,
    /// What was wrong; empty when all went well.
    errors: Vec<UserError>,
}

impl UserPayload {
    /// All went well.
    #[must_use]
    pub fn done(account: Account, viewer: Caller) -> Self {
        Self { user: Some(User::new(account, viewer)), errors: Vec::new() }
    }

    /// Something was wrong.
    #[must_use]
    pub fn failed(errors: Vec<UserError>) -> Self {
        Self { user: None, errors }
    }
}

/// An account that was deleted.
#[derive(SimpleObject)]
pub struct DeletePayload {
    /// The id of what is gone; null when there are errors.
    pub deleted_id: Option<ID>,
    /// What was wrong; empty when all went well.
    pub errors: Vec<UserError>,
}

/// The mutations of accounts.
#[derive(Default)]
pub struct AccountsMutation;

#[guarded]
#[Object]
impl AccountsMutation {
    /// Changes your display name and e-mail address.
    #[authenticated]
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateProfileInput,
    ) -> Result<Option<UserPayload>, Failure> {
        let viewer = caller(ctx);
        let Some(user) = viewer.user() else { return Ok(None) };
        let profile = match profile(input.display_name, input.email) {
            Ok(profile) => profile,
            Err(error) => return user_error(error).map(|error| Some(UserPayload::failed(vec![error]))),
        };
        let changes =
            AccountChanges { display_name: profile.0, email: profile.1, ..AccountChanges::default() };
        let actor = Actor { user: Some(user), client: ctx.data_opt::<Client>() };
        match ctx.data_unchecked::<Accounts>().update_profile(user, changes, actor).await {
            Ok(account) => Ok(Some(UserPayload::done(account, viewer))),
            Err(error) => user_error(error).map(|error| Some(UserPayload::failed(vec![error]))),
        }
    }
}

/// A display name and an e-mail address that are to be set, cleared or left.
type Profile = (Option<Option<DisplayName>>, Option<Option<EmailAddress>>);

/// Reads the profile in an input.
///
/// # Errors
/// When one of the two cannot be used.
pub fn profile(
    display_name: MaybeUndefined<String>,
    email: MaybeUndefined<String>,
) -> Result<Profile, AccountError> {
    let display_name = match display_name {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(name) => Some(DisplayName::parse(&name)?),
    };
    let email = match email {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(email) => Some(Some(EmailAddress::parse(&email)?)),
    };
    Ok((display_name, email))
}

/// What to tell of an error: the user, where the user can act on it.
///
/// # Errors
/// A failure, where not.
pub fn user_error(error: AccountError) -> Result<UserError, Failure> {
    let message = error.to_string();
    Ok(match error {
        AccountError::UsernameTaken => {
            UserError::of_field(UserErrorCode::UsernameTaken, "username", "This username is taken.")
        }
        AccountError::UsernameInvalid(_) => {
            UserError::of_field(UserErrorCode::UsernameInvalid, "username", message)
        }
        AccountError::EmailInvalid(_) => UserError::of_field(UserErrorCode::EmailInvalid, "email", message),
        AccountError::DisplayNameInvalid(_) => return Err(Failure::bad_input(message)),
        AccountError::UnknownRole(_) => UserError::of_field(UserErrorCode::UnknownRole, "roles", message),
        AccountError::LastAdmin => {
            let message = "This is the last administrator who can sign in.";
            UserError::new(UserErrorCode::LastAdmin, message)
        }
        AccountError::NotFound => UserError::new(UserErrorCode::NotFound, "There is no such account."),
        AccountError::Database(error) => return Err(error.into()),
    })
}
