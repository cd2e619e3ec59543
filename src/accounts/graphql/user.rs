use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Context, ID, Object,
    dataloader::{DataLoader, Loader},
};

use crate::{
    accounts::{Account, Accounts},
    graphql::{ApiError, DateTime, PageRequest, caller, guarded, node_id},
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
    pub async fn visible(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, ApiError> {
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
    ) -> Result<Option<SessionList>, ApiError> {
        if !self.is_own() && !self.viewer.has_scope("sessions:read") {
            return Ok(None);
        }
        let page = PageRequest::<SessionId>::parse(first, after, last, before)?;
        let (sessions, user) = (ctx.data_unchecked::<Sessions>(), self.account.id);
        let page = page.read(ctx, |page| async move { sessions.list(user, &page).await }).await?;
        let node = |session| UserSession::new(session, self.viewer.clone());
        Ok(Some(page.list(SessionCount(user), |session| session.id, node)))
    }
}

/// Reads the accounts of many nodes at once.
pub struct AccountLoader(pub Accounts);

impl Loader<UserId> for AccountLoader {
    type Value = Arc<Account>;
    type Error = ApiError;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<Account>>, ApiError> {
        let accounts = self.0.find_many(ids).await?;
        Ok(accounts.into_iter().map(|account| (account.id, Arc::new(account))).collect())
    }
}

/// The account that another node speaks of, when it still exists.
///
/// # Errors
/// When the database does not answer.
pub async fn load_user(ctx: &Context<'_>, id: UserId, viewer: &Caller) -> Result<Option<User>, ApiError> {
    let loader = ctx.data_unchecked::<DataLoader<AccountLoader>>();
    let account = loader.load_one(id).await?;
    Ok(account.map(|account| User::new(account, viewer.clone())))
}
