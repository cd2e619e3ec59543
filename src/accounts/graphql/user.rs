use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Context, ID, Object,
    dataloader::{DataLoader, Loader},
};

use crate::{
    accounts::{Account, Accounts},
    database::PageRequest,
    graphql::{ApiError, DateTime, Json, caller, guarded, node_id},
    id::{PasskeyId, PersonalAccessTokenId, SessionId, UserId},
    passkeys::{
        Passkeys,
        graphql::{PasskeyConnectionFields, PasskeyList, PasskeyObject},
    },
    personal_access_tokens::{
        PersonalAccessTokens,
        graphql::{PersonalAccessTokenConnectionFields, PersonalAccessTokenList, PersonalAccessTokenObject},
    },
    second_factors::{
        SecondFactors,
        graphql::{RecoveryCodes, Totp},
    },
    sessions::{
        Sessions,
        graphql::{SessionConnectionFields, SessionList, UserSession},
    },
    tokens::Caller,
    trusted_devices::{TrustedDevices, graphql::TrustedDeviceObject},
};

/// An account of a user who can sign in.
#[derive(Clone)]
pub struct User {
    account: Arc<Account>,
    viewer: Caller,
}

impl User {
    /// An account as this viewer sees it.
    #[must_use]
    pub fn new(account: impl Into<Arc<Account>>, viewer: Caller) -> Self {
        Self { account: account.into(), viewer }
    }

    /// Finds an account by its id. `None` unless it is the caller's own or the caller has `users:read`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn visible(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, ApiError> {
        let viewer = caller(ctx);
        if viewer.user() != Some(id) && !viewer.has_scope("users:read") {
            return Ok(None);
        }
        let account = ctx.data_unchecked::<Accounts>().find(id).await?;
        Ok(account.map(|account| Self::new(account, viewer.clone())))
    }

    fn is_own(&self) -> bool {
        self.viewer.user() == Some(self.account.id)
    }

    /// Whether the viewer may see what only the user and administrators may see.
    fn is_private_to_viewer(&self) -> bool {
        self.is_own() || self.viewer.has_scope("users:read")
    }
}

/// An account of a user who can sign in.
#[guarded]
#[Object]
impl User {
    /// The ID of the account, equal to the `sub` claim of its access tokens.
    pub async fn id(&self) -> ID {
        node_id(self.account.id)
    }

    /// The username to sign in with. Upper and lower case are the same name.
    async fn username(&self) -> &str {
        &self.account.username
    }

    /// The display name of the user. Null if none is set.
    async fn display_name(&self) -> Option<&str> {
        self.account.display_name.as_deref()
    }

    /// The e-mail address of the user. Null if none is set, or if the account is not your own and your token
    /// lacks the scope users:read.
    async fn email(&self) -> Option<&str> {
        self.account.email.as_deref().filter(|_| self.is_private_to_viewer())
    }

    /// Whether the user has proven that the e-mail address is theirs.
    async fn email_verified(&self) -> bool {
        self.account.email_verified
    }

    /// A new address that replaces `email` once you have verified it. Null if there is none, or if the account is not
    /// your own.
    async fn pending_email(&self) -> Option<&str> {
        self.account.pending_email.as_deref().filter(|_| self.is_own())
    }

    /// The language of the user: a BCP 47 tag such as de or pt-BR. Null if the user has chosen none.
    async fn locale(&self) -> Option<&str> {
        self.account.locale.as_deref()
    }

    /// The https URL of a picture of the user. Null if none is set. The user has chosen it, so it may lead anywhere.
    async fn picture_url(&self) -> Option<&str> {
        self.account.picture_url.as_deref()
    }

    /// The metadata that the user has written with updateProfile, a JSON object. Null if there is none, or if the account
    /// is not your own and your token lacks the scope users:read.
    async fn metadata(&self) -> Option<Json> {
        self.account.metadata.clone().filter(|_| self.is_private_to_viewer()).map(Json)
    }

    /// The metadata that only updateUser writes, a JSON object. Null if there is none, or if the account is not your own
    /// and your token lacks the scope users:read.
    async fn app_metadata(&self) -> Option<Json> {
        self.account.app_metadata.clone().filter(|_| self.is_private_to_viewer()).map(Json)
    }

    /// The roles of the account, sorted by name. The configuration of the server defines the scopes of each
    /// role.
    async fn roles(&self) -> &[String] {
        &self.account.roles
    }

    /// Whether the account is disabled, so that it cannot sign in.
    async fn disabled(&self) -> bool {
        self.account.disabled
    }

    /// When the account was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.account.created_at)
    }

    /// When the account was last changed by its owner or an administrator.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.account.updated_at)
    }

    /// When the user last signed in. Null if the user has never signed in.
    async fn last_login_at(&self) -> Option<DateTime> {
        self.account.last_login_at.map(DateTime)
    }

    /// When the account will be deleted. Null unless its user has deleted it and can undo that by signing in, or if the
    /// account is not your own and your token lacks the scope users:read.
    async fn deletion_scheduled_at(&self) -> Option<DateTime> {
        self.account.deletion_at.filter(|_| self.is_private_to_viewer()).map(DateTime)
    }

    /// The authenticator app of your account. Null if there is none, or if the account is not your own.
    #[nullable]
    async fn totp(&self, ctx: &Context<'_>) -> Result<Option<Totp>, ApiError> {
        if !self.is_own() {
            return Ok(None);
        }
        let totp = ctx.data_unchecked::<SecondFactors>().totp(self.account.id).await?;
        Ok(totp.map(Totp::from))
    }

    /// The recovery codes of your account, without the codes themselves. Null if there are none, or if the account is not
    /// your own.
    #[nullable]
    async fn recovery_codes(&self, ctx: &Context<'_>) -> Result<Option<RecoveryCodes>, ApiError> {
        if !self.is_own() {
            return Ok(None);
        }
        let codes = ctx.data_unchecked::<SecondFactors>().recovery_codes(self.account.id).await?;
        Ok(codes.map(RecoveryCodes::from))
    }

    /// Whether a sign-in to the account requires a second factor. Null if the account is not your own and your token
    /// lacks the scope users:read.
    #[nullable]
    async fn second_factor_required(&self, ctx: &Context<'_>) -> Result<Option<bool>, ApiError> {
        if !self.is_private_to_viewer() {
            return Ok(None);
        }
        let methods = ctx.data_unchecked::<SecondFactors>().methods_of(self.account.id).await?;
        Ok(Some(!methods.is_empty()))
    }

    /// The devices on which you sign in without a second factor, newest first. Null if the account is not your own.
    #[nullable]
    async fn trusted_devices(&self, ctx: &Context<'_>) -> Result<Option<Vec<TrustedDeviceObject>>, ApiError> {
        if !self.is_own() {
            return Ok(None);
        }
        let devices = ctx.data_unchecked::<Arc<TrustedDevices>>().list(&self.account).await?;
        Ok(Some(devices.into_iter().map(TrustedDeviceObject::from).collect()))
    }

    /// Until when the account may be used without a second factor, which the server requires of it. From then on, a
    /// sign-in adds one. Null if the account has a second factor or needs none, before its first sign-in under this policy,
    /// or if the account is not your own and your token lacks the scope users:read.
    #[nullable]
    async fn second_factor_deadline(&self, ctx: &Context<'_>) -> Result<Option<DateTime>, ApiError> {
        if !self.is_private_to_viewer() {
            return Ok(None);
        }
        let deadline = ctx.data_unchecked::<Accounts>().second_factor_deadline(&self.account).await?;
        Ok(deadline.map(DateTime))
    }

    /// The active sessions of the account, newest first. Null if the account is not your own and your token
    /// lacks the scope sessions:read.
    #[nullable]
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start: 0 to 100. The default is 25 without `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Option<SessionList>, ApiError> {
        if !self.is_own() && !self.viewer.has_scope("sessions:read") {
            return Ok(None);
        }
        let page = PageRequest::<SessionId>::parse(first, after, last, before)?;
        let (sessions, user) = (ctx.data_unchecked::<Sessions>(), self.account.id);
        let page = page.read(ctx, |page| async move { sessions.list(user, &page).await }).await?;
        let node = |session| UserSession::new(session, self.viewer.clone());
        Ok(Some(page.list(SessionConnectionFields(user), |session| session.id, node)))
    }

    /// The personal access tokens of the account that are valid, newest first. Null if the account is not your own and
    /// your token lacks the scope sessions:read.
    #[nullable]
    async fn personal_access_tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start: 0 to 100. The default is 25 without `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Option<PersonalAccessTokenList>, ApiError> {
        if !self.is_own() && !self.viewer.has_scope("sessions:read") {
            return Ok(None);
        }
        let page = PageRequest::<PersonalAccessTokenId>::parse(first, after, last, before)?;
        let (tokens, user) = (ctx.data_unchecked::<Arc<PersonalAccessTokens>>(), self.account.id);
        let page = page.read(ctx, |page| async move { tokens.list(user, &page).await }).await?;
        let fields = PersonalAccessTokenConnectionFields(user);
        Ok(Some(page.list(fields, |token| token.id, PersonalAccessTokenObject)))
    }

    /// The passkeys of the account, newest first. Null if the account is not your own.
    #[nullable]
    async fn passkeys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start: 0 to 100. The default is 25 without `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Option<PasskeyList>, ApiError> {
        if !self.is_own() {
            return Ok(None);
        }
        let page = PageRequest::<PasskeyId>::parse(first, after, last, before)?;
        let (passkeys, user) = (ctx.data_unchecked::<Passkeys>(), self.account.id);
        let page = page.read(ctx, |page| async move { passkeys.list(user, &page).await }).await?;
        Ok(Some(page.list(PasskeyConnectionFields(user), |passkey| passkey.id, PasskeyObject::new)))
    }
}

/// Loads the accounts of many nodes in one query.
pub struct AccountLoader(pub Accounts);

impl Loader<UserId> for AccountLoader {
    type Value = Arc<Account>;
    type Error = ApiError;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<Account>>, ApiError> {
        let accounts = self.0.find_many(ids).await?;
        Ok(accounts.into_iter().map(|account| (account.id, Arc::new(account))).collect())
    }
}

/// Loads the account that another node refers to. `None` if it no longer exists.
///
/// # Errors
/// If a database query fails.
pub async fn load_user(ctx: &Context<'_>, id: UserId, viewer: &Caller) -> Result<Option<User>, ApiError> {
    let loader = ctx.data_unchecked::<DataLoader<AccountLoader>>();
    let account = loader.load_one(id).await?;
    Ok(account.map(|account| User::new(account, viewer.clone())))
}
