//! The GraphQL mutations of administration.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use secrecy::SecretString;

use super::{Admin, AdminError, Invitation, NewUser, UserUpdate};
use crate::{
    accounts::{
        AccountError, DisplayName, EmailAddress, Locale, Metadata, Username,
        graphql::{DeletePayload, UserPayload, parse_change},
    },
    audit::Actor,
    graphql::{
        ApiError, Json, UserError, UserErrorCode, account_and_session, caller, guarded, node_id, parse_id,
    },
    sessions::graphql::RevokeSessionsPayload,
};

/// The input of the `createUser` mutation.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// The username to sign in with. Upper and lower case are the same name.
    username: String,
    /// The initial password. Ask the user to change it.
    password: SecretString,
    /// The e-mail address of the user. It is unverified.
    email: Option<String>,
    /// The display name of the user.
    display_name: Option<String>,
    /// The roles of the account.
    #[graphql(default_with = "vec![\"user\".to_owned()]")]
    roles: Vec<String>,
}

/// The input of the `inviteUser` mutation.
#[derive(InputObject)]
pub struct InviteUserInput {
    /// The e-mail address to which the invitation is sent.
    email: String,
    /// The username to sign in with, which the user may replace. Default: the address.
    username: Option<String>,
    /// The display name of the user.
    display_name: Option<String>,
    /// The roles of the account.
    #[graphql(default_with = "vec![\"user\".to_owned()]")]
    roles: Vec<String>,
    /// The language of the invitation: a BCP 47 tag, such as "de".
    locale: Option<String>,
}

/// The input of the `updateUser` mutation. Omitted fields stay unchanged; null clears a field of the profile.
#[derive(InputObject)]
pub struct UpdateUserInput {
    /// The ID of the account to change.
    id: ID,
    /// The display name of the user. Null removes it.
    display_name: MaybeUndefined<String>,
    /// The e-mail address of the user. A new address is unverified. Null removes it.
    email: MaybeUndefined<String>,
    /// The language of the user: a BCP 47 tag such as de or pt-BR. Null removes it.
    locale: MaybeUndefined<String>,
    /// The metadata that only this mutation writes, which replaces the previous object: at most 4096 bytes of JSON and 8
    /// levels. Null removes it.
    app_metadata: MaybeUndefined<Json>,
    /// The new roles, which replace all previous roles. Access tokens with the previous roles become invalid.
    roles: Option<Vec<String>>,
    /// Whether the account is disabled. True revokes its sessions and prevents sign-in; false permits sign-in
    /// again.
    disabled: Option<bool>,
    /// A new password for the account. It revokes all sessions of the account.
    password: Option<SecretString>,
}

impl UpdateUserInput {
    fn parse(self) -> Result<UserUpdate, AccountError> {
        Ok(UserUpdate {
            display_name: parse_change(self.display_name, |name| DisplayName::parse(&name))?,
            email: parse_change(self.email, |email| EmailAddress::parse(&email).map(Some))?,
            locale: parse_change(self.locale, |locale| Locale::parse(&locale))?,
            app_metadata: parse_change(self.app_metadata, |metadata| Metadata::parse(metadata.0))?,
            roles: self.roles,
            disabled: self.disabled,
            password: self.password,
        })
    }
}

/// The input of the `deleteUser` mutation.
#[derive(InputObject)]
pub struct DeleteUserInput {
    /// The ID of the account to delete.
    id: ID,
}

/// The input of the `revokeUserSessions` mutation.
#[derive(InputObject)]
pub struct RevokeUserSessionsInput {
    /// The ID of the account whose sessions are revoked.
    user_id: ID,
}

/// The input of the `resetSecondFactors` mutation.
#[derive(InputObject)]
pub struct ResetSecondFactorsInput {
    /// The ID of the account whose second factors are removed.
    user_id: ID,
}

/// The mutations for administrators.
#[derive(Default)]
pub struct AdminMutation;

#[guarded]
#[Object]
impl AdminMutation {
    /// Creates an account for a user.
    #[requires_scopes("users:write")]
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create.")] input: CreateUserInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let viewer = caller(ctx);
        let created = match new_user(input) {
            Ok(new) => ctx.data_unchecked::<Admin>().create_user(new, Actor::of(ctx)).await,
            Err(error) => Err(error.into()),
        };
        Ok(Some(match created {
            Ok(account) => UserPayload::success(account, viewer.clone()),
            Err(error) => UserPayload::failure(vec![error.into_user_error("id")?]),
        }))
    }

    /// Creates an account for a person, and sends them a link with which they choose a password.
    #[requires_scopes("users:write")]
    async fn invite_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to invite.")] input: InviteUserInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let viewer = caller(ctx);
        let invited = match invitation(input) {
            Ok(invitation) => {
                Box::pin(ctx.data_unchecked::<Admin>().invite_user(invitation, Actor::of(ctx))).await
            }
            Err(error) => Err(error.into()),
        };
        Ok(Some(match invited {
            Ok(account) => UserPayload::success(account, viewer.clone()),
            Err(error) => UserPayload::failure(vec![error.into_user_error("id")?]),
        }))
    }

    /// Changes the account of a user.
    #[requires_scopes("users:write")]
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account and its changes.")] input: UpdateUserInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let id = parse_id(&input.id, "input.id")?;
        // Read before the update, which may revoke the caller's own token.
        let viewer = caller(ctx);
        let updated = match input.parse() {
            Ok(changes) => ctx.data_unchecked::<Admin>().update_user(id, changes, Actor::of(ctx)).await,
            Err(error) => Err(error.into()),
        };
        Ok(Some(match updated {
            Ok(account) => UserPayload::success(account, viewer.clone()),
            Err(error) => UserPayload::failure(vec![error.into_user_error("id")?]),
        }))
    }

    /// Deletes the account of a user and all its data, immediately and permanently.
    #[requires_scopes("users:write")]
    async fn delete_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to delete.")] input: DeleteUserInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        let id = parse_id(&input.id, "input.id")?;
        Ok(Some(match ctx.data_unchecked::<Admin>().delete_user(id, Actor::of(ctx)).await {
            Ok(()) => DeletePayload { deleted_id: Some(node_id(id)), errors: Vec::new() },
            Err(error) => DeletePayload { deleted_id: None, errors: vec![error.into_user_error("id")?] },
        }))
    }

    /// Removes the authenticator app, the passkeys and the recovery codes of a user who lost their second factors, and revokes
    /// all their sessions.
    /// The user is notified by e-mail.
    #[requires_scopes("users:write")]
    async fn reset_second_factors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account whose second factors are removed.")] input: ResetSecondFactorsInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        account_and_session(ctx)?;
        let id = parse_id(&input.user_id, "input.userId")?;
        let reset = ctx.data_unchecked::<Admin>().reset_second_factors(id, Actor::of(ctx));
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(reset).await {
            Ok(account) => UserPayload::success(account, caller(ctx).clone()),
            Err(error) => UserPayload::failure(vec![error.into_user_error("userId")?]),
        }))
    }

    /// Revokes all sessions and personal access tokens of a user.
    #[requires_scopes("sessions:write")]
    async fn revoke_user_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account whose sessions are revoked.")] input: RevokeUserSessionsInput,
    ) -> Result<Option<RevokeSessionsPayload>, ApiError> {
        let id = parse_id(&input.user_id, "input.userId")?;
        Ok(Some(match ctx.data_unchecked::<Admin>().revoke_user_sessions(id, Actor::of(ctx)).await {
            Ok(count) => RevokeSessionsPayload::success(count),
            Err(error) => {
                RevokeSessionsPayload { revoked_count: 0, errors: vec![error.into_user_error("userId")?] }
            }
        }))
    }
}

fn new_user(input: CreateUserInput) -> Result<NewUser, AccountError> {
    let display_name = input.display_name.as_deref().map(DisplayName::parse).transpose()?.flatten();
    let email = input.email.as_deref().map(EmailAddress::parse).transpose()?;
    let username = Username::parse(&input.username)?;
    Ok(NewUser { username, password: input.password, email, display_name, roles: input.roles })
}

fn invitation(input: InviteUserInput) -> Result<Invitation, AccountError> {
    let email = EmailAddress::parse(&input.email)?;
    let username = Username::parse(input.username.as_deref().unwrap_or(email.as_str()))?;
    let display_name = input.display_name.as_deref().map(DisplayName::parse).transpose()?.flatten();
    let locale = input.locale.as_deref().map(Locale::parse).transpose()?.flatten();
    let locale = locale.map(|locale| locale.as_str().to_owned());
    Ok(Invitation { email, username, display_name, roles: input.roles, locale })
}

impl AdminError {
    /// Converts the error to one that the user can act on. `id` is the field of the input with the account's id.
    fn into_user_error(self, id: &str) -> Result<UserError, ApiError> {
        match self {
            Self::Account(AccountError::NotFound) => {
                Ok(UserError::of_field(UserErrorCode::NotFound, id, "The account does not exist."))
            }
            Self::Account(error) => error.into_user_error(),
            Self::Password(violation) => Ok(UserError::from(violation).in_field("password")),
            Self::Hash(error) => Err(error.into()),
            Self::SecondFactor(error) => error.into_user_error(id),
            Self::OwnAccount { instead } => {
                let field = if instead == "changePassword" { "password" } else { id };
                let message =
                    format!("Use {instead} for your own account. It requires your current password.");
                Ok(UserError::of_field(UserErrorCode::CurrentPasswordRequired, field, message))
            }
            Self::SessionRequired => Err(ApiError::session_required()),
            Self::InsufficientLogin { max_age_seconds, acr } => {
                Err(ApiError::insufficient_user_authentication(max_age_seconds, acr))
            }
            Self::PrivilegeEscalation(scopes) => Err(ApiError::forbidden(&[&scopes])),
            Self::MailOff => Err(ApiError::bad_user_input("This server sends no e-mail.")),
            Self::RateLimited { retry_after } => Ok(UserError::rate_limited(retry_after)),
            Self::Keyring(error) => Err(ApiError::internal(&error)),
            Self::Database(error) => Err(error.into()),
        }
    }
}
