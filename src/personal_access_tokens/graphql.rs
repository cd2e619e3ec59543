//! The GraphQL fields of personal access tokens.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::{
    CreateTokenError, CreatedToken, ExchangeError, NewToken, PersonalAccessToken, PersonalAccessTokens,
};
use crate::{
    accounts::graphql::DeletePayload,
    audit::Actor,
    graphql::{
        ApiError, DateTime, List, UserError, UserErrorCode, account_and_session, caller, guarded, node_id,
        parse_id,
    },
    id::{PersonalAccessTokenId, UserId},
    limits::{Decision, Throttle},
    sessions::graphql::{AuthPayload, signing_error},
    tokens::TokenError,
};

/// A personal access token, without the token itself.
#[derive(Clone)]
pub struct PersonalAccessTokenObject(pub PersonalAccessToken);

impl PersonalAccessTokenObject {
    /// Finds a token by its id. `None` unless it is the caller's own or the caller has `sessions:read`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn visible(ctx: &Context<'_>, id: PersonalAccessTokenId) -> Result<Option<Self>, ApiError> {
        let viewer = caller(ctx);
        if viewer.claims().is_none() {
            return Ok(None);
        }
        // On the heap, because the future of an object is as large as that of its largest field.
        let token = Box::pin(ctx.data_unchecked::<Arc<PersonalAccessTokens>>().find(id)).await?;
        let may = |token: &PersonalAccessToken| {
            viewer.user() == Some(token.user) || viewer.has_scope("sessions:read")
        };
        Ok(token.filter(may).map(Self))
    }
}

/// A personal access token: a bearer token that a user has created for a program, without the token itself.
#[Object(name = "PersonalAccessToken")]
impl PersonalAccessTokenObject {
    /// The ID of the token, equal to the `pat` claim of the access tokens for which it is exchanged.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// The name that its owner has given it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The scopes that its owner has given it, sorted. At each use it has those of them that the owner has at that
    /// time.
    async fn scopes(&self) -> Vec<&str> {
        self.0.scopes.iter().collect()
    }

    /// The first characters of the token, by which its owner recognises it.
    async fn hint(&self) -> &str {
        &self.0.hint
    }

    /// When the token was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the token expires.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// When the token was last used, accurate to a minute. Null if it was never used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }
}

/// A list of personal access tokens.
pub type PersonalAccessTokenList = List<PersonalAccessTokenObject, PersonalAccessTokenConnectionFields>;

/// The fields of a `PersonalAccessTokenConnection` besides its page.
pub struct PersonalAccessTokenConnectionFields(pub UserId);

#[Object]
impl PersonalAccessTokenConnectionFields {
    /// The number of tokens in the whole list, on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = ctx.data_unchecked::<Arc<PersonalAccessTokens>>().count(self.0).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// The input of the `createPersonalAccessToken` mutation.
#[derive(InputObject)]
struct CreatePersonalAccessTokenInput {
    /// A name by which you recognise the token: 1 to 64 characters on one line.
    name: String,
    /// The scopes of the token, which must be scopes that you have. Without any, the token serves only fields that
    /// require nothing but sign-in.
    scopes: Vec<String>,
    /// When the token expires: at most 366 days from now, unless the server has a lower maximum.
    expires_at: DateTime,
}

/// The input of the `revokePersonalAccessToken` mutation.
#[derive(InputObject)]
struct RevokePersonalAccessTokenInput {
    /// The ID of the token to revoke.
    id: ID,
}

/// The input of the `exchangePersonalAccessToken` mutation.
#[derive(InputObject)]
struct ExchangePersonalAccessTokenInput {
    /// The personal access token, which starts with `ppat_`.
    token: SecretString,
}

/// The payload of the `createPersonalAccessToken` mutation.
#[derive(SimpleObject)]
struct CreatePersonalAccessTokenPayload {
    /// The token for the header `Authorization: Bearer`. It is shown this once. Null if there are errors.
    token: Option<String>,
    /// The record of the token. Null if there are errors.
    personal_access_token: Option<PersonalAccessTokenObject>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

impl CreatePersonalAccessTokenPayload {
    fn failure(error: UserError) -> Self {
        Self { token: None, personal_access_token: None, errors: vec![error] }
    }
}

/// The mutations of personal access tokens.
#[derive(Default)]
pub struct PersonalAccessTokensMutation;

#[guarded]
#[Object]
impl PersonalAccessTokensMutation {
    /// Creates a personal access token for a program of yours, such as a script. It acts for you with the scopes that
    /// you give it, without your roles, and no mutation that checks or sets a credential accepts it.
    #[requires_recent_login("5m")]
    async fn create_personal_access_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to create.")] input: CreatePersonalAccessTokenInput,
    ) -> Result<Option<CreatePersonalAccessTokenPayload>, ApiError> {
        let (user, _) = account_and_session(ctx)?;
        if let Decision::Refused { retry_after, .. } =
            ctx.data_unchecked::<Throttle>().try_change(user).await?
        {
            return Ok(Some(CreatePersonalAccessTokenPayload::failure(UserError::rate_limited(retry_after))));
        }
        let new = NewToken { name: input.name, scopes: input.scopes, expires_at: input.expires_at.0 };
        let tokens = ctx.data_unchecked::<Arc<PersonalAccessTokens>>();
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(tokens.create(new, Actor::of(ctx))).await {
            Ok(CreatedToken { secret, token }) => CreatePersonalAccessTokenPayload {
                token: Some(secret.expose_secret().to_owned()),
                personal_access_token: Some(PersonalAccessTokenObject(token)),
                errors: Vec::new(),
            },
            Err(error) => CreatePersonalAccessTokenPayload::failure(error.into_user_error()?),
        }))
    }

    /// Revokes one of your personal access tokens, or any if your token has the scope sessions:write. The access
    /// tokens for which it was exchanged are revoked as well.
    #[authenticated]
    async fn revoke_personal_access_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to revoke.")] input: RevokePersonalAccessTokenInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        let (user, _) = account_and_session(ctx)?;
        let id = parse_id(&input.id, "input.id")?;
        let tokens = ctx.data_unchecked::<Arc<PersonalAccessTokens>>();
        let may_any = caller(ctx).has_scope("sessions:write");
        let found = Box::pin(tokens.find(id)).await?.filter(|token| token.user == user || may_any);
        let revoked = match found {
            Some(token) => match Box::pin(tokens.revoke(token.id, Actor::of(ctx))).await {
                Ok(revoked) => revoked,
                Err(error) => {
                    return Ok(Some(DeletePayload {
                        deleted_id: None,
                        errors: vec![error.into_user_error()?],
                    }));
                }
            },
            None => None,
        };
        Ok(Some(match revoked {
            Some(token) => DeletePayload { deleted_id: Some(node_id(token.id)), errors: Vec::new() },
            None => {
                let message = "The token does not exist or is not yours.";
                let error = UserError::of_field(UserErrorCode::NotFound, "id", message);
                DeletePayload { deleted_id: None, errors: vec![error] }
            }
        }))
    }

    /// Exchanges a personal access token for an access token with the same scopes, for services that verify access
    /// tokens by the keys of this server. It lives at most 5 minutes, and has no session and no refresh token.
    async fn exchange_personal_access_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token to exchange.")] input: ExchangePersonalAccessTokenInput,
    ) -> Result<AuthPayload, ApiError> {
        let tokens = ctx.data_unchecked::<Arc<PersonalAccessTokens>>();
        match Box::pin(tokens.exchange(&input.token)).await {
            Ok(exchanged) => Ok(AuthPayload::exchanged(exchanged)),
            Err(ExchangeError::Token(TokenError::Unverifiable)) => {
                Err(ApiError::unauthenticated(TokenError::Unverifiable))
            }
            Err(ExchangeError::Token(_)) => {
                let message = "The personal access token is unknown, has expired or was revoked.";
                let error = UserError::of_field(UserErrorCode::InvalidCredentials, "token", message);
                Ok(AuthPayload::failure(vec![error]))
            }
            Err(ExchangeError::Keyring(error)) => Err(signing_error(&error)),
            Err(ExchangeError::Database(error)) => Err(error.into()),
        }
    }
}

impl CreateTokenError {
    /// Converts the error to one that the user can act on.
    fn into_user_error(self) -> Result<UserError, ApiError> {
        Ok(match self {
            Self::Invalid(message) => return Err(ApiError::bad_user_input(message)),
            Self::LimitReached => {
                let message = "You have as many personal access tokens as you may have. Revoke one first.";
                UserError::new(UserErrorCode::LimitReached, message)
            }
            Self::Account(error) => error.into_user_error()?,
            Self::Database(error) => return Err(error.into()),
        })
    }
}
