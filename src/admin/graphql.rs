//! Administration in the schema.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use secrecy::SecretString;

use super::{Admin, AdminError, NewUser, UserChanges};
use crate::{
    accounts::{
        AccountError, DisplayName, EmailAddress, Username,
        graphql::{DeletePayload, Profile, UserPayload, user_error},
    },
    audit::Actor,
    graphql::{ApiError, UserError, UserErrorCode, caller, expect_id, guarded, node_id},
    sessions::graphql::RevokeSessionsPayload,
    sign_in::graphql::{hash_failure, password_error},
};

/// An account to make.
#[derive(InputObject)]
pub struct CreateUserInput {
    /// The name to sign in with.
    username: String,
    /// The password; tell the person to change it.
    password: SecretString,
    /// An e-mail address. It is not verified.
    email: Option<String>,
    /// What to call the person.
    display_name: Option<String>,
    /// The account's roles.
    #[graphql(default_with = "vec![\"user\".to_owned()]")]
    roles: Vec<String>,
}

/// What is to change about an account. What is left out stays as it is; null clears a display name or an
/// e-mail address.
#[derive(InputObject)]
pub struct UpdateUserInput {
    /// Which account.
    id: ID,
    /// What to call the person.
    display_name: MaybeUndefined<String>,
    /// An e-mail address. A new one is not verified.
    email: MaybeUndefined<String>,
    /// Replaces all roles. Access tokens with the old ones are void.
    roles: Option<Vec<String>>,
    /// Bars the account from signing in and ends its sessions, or lets it again.
    disabled: Option<bool>,
    /// Another password. It ends the account's sessions.
    password: Option<SecretString>,
}

/// Which account.
#[derive(InputObject)]
pub struct DeleteUserInput {
    /// The account's id.
    id: ID,
}

/// Whose sessions.
#[derive(InputObject)]
pub struct RevokeUserSessionsInput {
    /// The account's id.
    user_id: ID,
}

/// The mutations of administration.
#[derive(Default)]
pub struct AdminMutation;

#[guarded]
#[Object]
impl AdminMutation {
    /// Makes an account for somebody.
    #[requires_scopes("users:write")]
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: CreateUserInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let viewer = caller(ctx);
        let created = match new_user(input) {
            Ok(new) => ctx.data_unchecked::<Admin>().create_user(new, Actor::of(ctx)).await,
            Err(error) => Err(error.into()),
        };
        Ok(Some(match created {
            Ok(account) => UserPayload::done(account, viewer),
            Err(error) => UserPayload::failed(vec![explain(error, "id")?]),
        }))
    }

    /// Changes somebody's account.
    #[requires_scopes("users:write")]
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to change.")] input: UpdateUserInput,
    ) -> Result<Option<UserPayload>, ApiError> {
        let id = expect_id(&input.id, "input.id")?;
        // Taken first, because the change may revoke the caller's own token.
        let viewer = caller(ctx);
        let updated = match Profile::parse(input.display_name, input.email) {
            Ok(Profile { display_name, email }) => {
                let UpdateUserInput { roles, disabled, password, .. } = input;
                let changes = UserChanges { display_name, email, roles, disabled, password };
                ctx.data_unchecked::<Admin>().update_user(id, changes, Actor::of(ctx)).await
            }
            Err(error) => Err(error.into()),
        };
        Ok(Some(match updated {
            Ok(account) => UserPayload::done(account, viewer),
            Err(error) => UserPayload::failed(vec![explain(error, "id")?]),
        }))
    }

    /// Deletes somebody's account with everything that belongs to it.
    #[requires_scopes("users:write")]
    async fn delete_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteUserInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        let id = expect_id(&input.id, "input.id")?;
        Ok(Some(match ctx.data_unchecked::<Admin>().delete_user(id, Actor::of(ctx)).await {
            Ok(()) => DeletePayload { deleted_id: Some(node_id(id)), errors: Vec::new() },
            Err(error) => DeletePayload { deleted_id: None, errors: vec![explain(error, "id")?] },
        }))
    }

    /// Ends all sessions of somebody's account.
    #[requires_scopes("sessions:write")]
    async fn revoke_user_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: RevokeUserSessionsInput,
    ) -> Result<Option<RevokeSessionsPayload>, ApiError> {
        let id = expect_id(&input.user_id, "input.userId")?;
        Ok(Some(match ctx.data_unchecked::<Admin>().revoke_user_sessions(id, Actor::of(ctx)).await {
            Ok(count) => RevokeSessionsPayload::done(count),
            Err(error) => RevokeSessionsPayload { revoked_count: 0, errors: vec![explain(error, "userId")?] },
        }))
    }
}

fn new_user(input: CreateUserInput) -> Result<NewUser, AccountError> {
    let display_name = input.display_name.as_deref().map(DisplayName::parse).transpose()?.flatten();
    let email = input.email.as_deref().map(EmailAddress::parse).transpose()?;
    let username = Username::parse(&input.username)?;
    Ok(NewUser { username, password: input.password, email, display_name, roles: input.roles })
}

/// What to tell of an error; `id` is the field of the input that says which account is meant.
fn explain(error: AdminError, id: &str) -> Result<UserError, ApiError> {
    match error {
        AdminError::Account(AccountError::NotFound) => {
            Ok(UserError::of_field(UserErrorCode::NotFound, id, "There is no such account."))
        }
        AdminError::Account(error) => user_error(error),
        AdminError::Password(violation) => Ok(password_error(&violation, "password")),
        AdminError::Hash(error) => Err(hash_failure(&error)),
        AdminError::OwnAccount { instead } => {
            let field = if instead == "changePassword" { "password" } else { id };
            let message =
                format!("To do this to your own account, use {instead}: it takes your current password.");
            Ok(UserError::of_field(UserErrorCode::CurrentPasswordRequired, field, message))
        }
        AdminError::BeyondReach(scopes) => Err(ApiError::forbidden(&[&scopes])),
        AdminError::Keyring(error) => Err(ApiError::internal(&error)),
        AdminError::Database(error) => Err(error.into()),
    }
}
