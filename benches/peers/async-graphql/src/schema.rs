use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use async_graphql::{Context, Error, InputObject, Object, Result, SimpleObject};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    accounts::{Account, Accounts},
    tokens::{Claims, Tokens},
};

/// A hash that no known password has, to verify against when there is no account.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The maximum number of accounts on a page.
const MAX_PAGE: i64 = 100;

/// The claims of the caller.
fn caller<'a>(ctx: &Context<'a>) -> Result<&'a Claims> {
    ctx.data::<Option<Claims>>()?.as_ref().ok_or_else(|| Error::new("Sign in first."))
}

/// # Errors
/// If the caller is not an administrator.
fn require_admin(ctx: &Context<'_>) -> Result<()> {
    let roles = caller(ctx)?.roles.as_deref().unwrap_or_default();
    if roles.iter().any(|role| role == "admin") {
        Ok(())
    } else {
        Err(Error::new("Only for administrators."))
    }
}

/// All queries.
pub(crate) struct Query;

/// The account of the caller, from the claims.
#[derive(SimpleObject)]
struct Me {
    id: String,
    username: String,
    roles: Vec<String>,
}

#[Object]
impl Query {
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        let claims = caller(ctx)?;
        let roles = claims.roles.clone().unwrap_or_default();
        Ok(Me { id: claims.sub.clone(), username: claims.username.clone(), roles })
    }

    async fn user(&self, ctx: &Context<'_>, username: String) -> Result<Option<Account>> {
        require_admin(ctx)?;
        Ok(ctx.data::<Accounts>()?.find(&username).await?)
    }

    async fn users(&self, ctx: &Context<'_>, first: i64, after: Option<String>) -> Result<Page> {
        require_admin(ctx)?;
        if !(0..=MAX_PAGE).contains(&first) {
            return Err(Error::new("`first` must be from 0 to 100."));
        }
        let after = after
            .map(|cursor| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor)?).map_err(Error::from));
        let after = after.transpose()?;
        let after =
            after.as_deref().map(|key| key.split_once('|').ok_or_else(|| Error::new("No such cursor.")));
        let mut nodes = ctx.data::<Accounts>()?.list(first + 1, after.transpose()?).await?;
        let has_next_page = nodes.len() > usize::try_from(first)?;
        nodes.truncate(usize::try_from(first)?);
        let key = |account: &Account| format!("{}|{}", account.created_at, account.id);
        let end_cursor = nodes.last().map(|last| BASE64_URL_SAFE_NO_PAD.encode(key(last)));
        Ok(Page { nodes, page_info: PageInfo { has_next_page, end_cursor } })
    }
}

/// A page of accounts.
#[derive(SimpleObject)]
#[graphql(name = "UserConnection")]
struct Page {
    nodes: Vec<Account>,
    page_info: PageInfo,
}

#[derive(SimpleObject)]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// All mutations.
pub(crate) struct Mutation;

#[derive(InputObject)]
struct LoginInput {
    username: String,
    password: String,
}

#[derive(InputObject)]
struct RefreshInput {
    refresh_token: String,
}

/// New tokens, or the reasons why there are none.
#[derive(Default, SimpleObject)]
struct AuthPayload {
    access_token: Option<String>,
    refresh_token: Option<String>,
    errors: Vec<UserError>,
}

#[derive(SimpleObject)]
struct UserError {
    code: String,
}

impl AuthPayload {
    fn issued((access, refresh): (String, String)) -> Self {
        Self { access_token: Some(access), refresh_token: Some(refresh), errors: Vec::new() }
    }

    fn refused(code: &str) -> Self {
        Self { errors: vec![UserError { code: code.to_owned() }], ..Self::default() }
    }
}

#[Object]
impl Mutation {
    async fn login(&self, ctx: &Context<'_>, input: LoginInput) -> Result<AuthPayload> {
        let account = ctx.data::<Accounts>()?.find(&input.username).await?;
        let hash =
            account.as_ref().map_or_else(|| DUMMY_HASH.to_owned(), |account| account.password_hash.clone());
        let is_correct = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash)?;
            Ok::<_, argon2::password_hash::Error>(
                Argon2::default().verify_password(input.password.as_bytes(), &hash).is_ok(),
            )
        });
        let is_correct = is_correct.await?.map_err(|error| Error::new(error.to_string()))?;
        match account.filter(|_| is_correct) {
            Some(account) => Ok(AuthPayload::issued(ctx.data::<Arc<Tokens>>()?.issue(&account, None)?)),
            None => Ok(AuthPayload::refused("INVALID_CREDENTIALS")),
        }
    }

    /// Exchanges a refresh token. It is not stored, so it can be used again until it expires.
    async fn refresh(&self, ctx: &Context<'_>, input: RefreshInput) -> Result<AuthPayload> {
        let tokens = ctx.data::<Arc<Tokens>>()?;
        let Some(claims) = tokens.verify_refresh(&input.refresh_token) else {
            return Ok(AuthPayload::refused("INVALID_REFRESH_TOKEN"));
        };
        match ctx.data::<Accounts>()?.find(&claims.username).await? {
            Some(account) => Ok(AuthPayload::issued(tokens.issue(&account, Some(&claims))?)),
            None => Ok(AuthPayload::refused("INVALID_REFRESH_TOKEN")),
        }
    }
}
