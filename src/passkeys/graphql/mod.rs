//! The GraphQL fields of passkeys.

mod passkey;
mod scalars;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    passkey::{PasskeyConnectionFields, PasskeyList, PasskeyObject},
    scalars::{
        AuthenticationResponseJson, CreationOptionsJson, RegistrationResponseJson, RequestOptionsJson,
    },
};
use super::{MAX_PASSKEYS, Passkey, PasskeyError, PasskeyName, Passkeys, StartedCeremony};
use crate::{
    accounts::graphql::DeletePayload,
    audit::Actor,
    graphql::{ApiError, UserError, UserErrorCode, account_and_session, guarded, parse_id},
    limits::{Decision, Throttle},
    second_factors::SecondFactors,
};

/// The payload of the mutations that start the creation of a passkey.
#[derive(SimpleObject)]
pub struct StartPasskeyPayload {
    /// The text to send with the response of the authenticator. It expires after 10 minutes. Null if there are errors.
    challenge: Option<String>,
    /// The options for `PublicKeyCredential.parseCreationOptionsFromJSON` and `navigator.credentials.create`. Null if
    /// there are errors.
    options: Option<CreationOptionsJson>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The input of the `addPasskey` mutation.
#[derive(InputObject)]
struct AddPasskeyInput {
    /// The `challenge` of `startPasskey`.
    challenge: SecretString,
    /// The response of the authenticator: the `toJSON()` of the new credential.
    credential: RegistrationResponseJson,
    /// A name for the passkey, of at most 64 characters. Without one, it has the name of the authenticator's model.
    name: Option<String>,
}

/// The input of the `renamePasskey` mutation.
#[derive(InputObject)]
struct RenamePasskeyInput {
    /// The ID of the passkey to rename.
    id: ID,
    /// The new name of the passkey: 1 to 64 characters.
    name: String,
}

/// The input of the `deletePasskey` mutation.
#[derive(InputObject)]
struct DeletePasskeyInput {
    /// The ID of the passkey to delete.
    id: ID,
}

/// The payload of the mutations that add or change a passkey.
#[derive(SimpleObject)]
struct PasskeyPayload {
    /// The passkey after the mutation. Null if there are errors.
    passkey: Option<PasskeyObject>,
    /// New recovery codes, which are shown this once. Null unless the passkey is the first second factor of your account.
    recovery_codes: Option<Vec<String>>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

impl StartPasskeyPayload {
    /// The payload of a ceremony.
    ///
    /// # Errors
    /// If the user cannot act on the error.
    pub fn of(started: Result<StartedCeremony, PasskeyError>) -> Result<Self, ApiError> {
        Ok(match started {
            Ok(started) => Self {
                challenge: Some(started.token.expose_secret().to_owned()),
                options: Some(CreationOptionsJson(started.options)),
                errors: Vec::new(),
            },
            Err(error) => Self::failure(vec![error.into_user_error()?]),
        })
    }

    /// The payload of a mutation that failed.
    #[must_use]
    pub fn failure(errors: Vec<UserError>) -> Self {
        Self { challenge: None, options: None, errors }
    }
}

impl PasskeyPayload {
    fn success(passkey: Passkey) -> Self {
        Self { passkey: Some(PasskeyObject::new(passkey)), recovery_codes: None, errors: Vec::new() }
    }

    fn failure(error: UserError) -> Self {
        Self { passkey: None, recovery_codes: None, errors: vec![error] }
    }
}

/// The mutations of passkeys.
#[derive(Default)]
pub struct PasskeysMutation;

#[guarded]
#[Object]
impl PasskeysMutation {
    /// Starts the creation of a passkey for your account.
    #[requires_recent_login("5m")]
    async fn start_passkey(&self, ctx: &Context<'_>) -> Result<Option<StartPasskeyPayload>, ApiError> {
        if let Some(refused) = count_change(ctx).await? {
            return Ok(Some(StartPasskeyPayload::failure(vec![refused])));
        }
        let (user, _) = account_and_session(ctx)?;
        let started = ctx.data_unchecked::<Passkeys>().start_registration(user).await;
        StartPasskeyPayload::of(started).map(Some)
    }

    /// Adds the passkey that your authenticator has created to your account. It signs in without a password, and is the
    /// second factor of sign-ins with one. The first second factor of an account ends your other sessions and returns
    /// recovery codes.
    #[authenticated]
    async fn add_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The challenge, the response of the authenticator, and a name.")]
        input: AddPasskeyInput,
    ) -> Result<Option<PasskeyPayload>, ApiError> {
        let (user, session) = account_and_session(ctx)?;
        let name = match input.name.as_deref().map(PasskeyName::parse).transpose() {
            Ok(name) => name.flatten(),
            Err(error) => return Ok(Some(PasskeyPayload::failure(error.into_user_error()?))),
        };
        let passkeys = ctx.data_unchecked::<Passkeys>();
        let new = match passkeys.verify_registration(user, &input.challenge, &input.credential.0, name) {
            Ok(new) => new,
            Err(error) => return Ok(Some(PasskeyPayload::failure(error.into_user_error()?))),
        };
        let factors = ctx.data_unchecked::<SecondFactors>();
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(factors.add_passkey(new, session, Actor::of(ctx))).await {
            Ok((passkey, codes)) => {
                let text = |code: SecretString| code.expose_secret().to_owned();
                let recovery_codes = codes.map(|codes| codes.into_iter().map(text).collect());
                PasskeyPayload { recovery_codes, ..PasskeyPayload::success(passkey) }
            }
            Err(error) => PasskeyPayload::failure(error.into_user_error("credential")?),
        }))
    }

    /// Renames one of your passkeys.
    #[authenticated]
    async fn rename_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The passkey and its new name.")] input: RenamePasskeyInput,
    ) -> Result<Option<PasskeyPayload>, ApiError> {
        if let Some(refused) = count_change(ctx).await? {
            return Ok(Some(PasskeyPayload::failure(refused)));
        }
        let id = parse_id(&input.id, "id")?;
        let renamed = match PasskeyName::parse(&input.name) {
            Ok(Some(name)) => ctx.data_unchecked::<Passkeys>().rename(id, name, Actor::of(ctx)).await,
            Ok(None) => Err(PasskeyError::NameInvalid("Enter a name.")),
            Err(error) => Err(error),
        };
        Ok(Some(match renamed {
            Ok(passkey) => PasskeyPayload::success(passkey),
            Err(error) => PasskeyPayload::failure(error.into_user_error()?),
        }))
    }

    /// Deletes one of your passkeys, so that it no longer signs in. Its sessions stay. The recovery codes become void with
    /// the last second factor.
    #[requires_recent_login("5m")]
    async fn delete_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The passkey to delete.")] input: DeletePasskeyInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        let id = parse_id(&input.id, "id")?;
        let failure = |error| DeletePayload { deleted_id: None, errors: vec![error] };
        if let Some(refused) = count_change(ctx).await? {
            return Ok(Some(failure(refused)));
        }
        let factors = ctx.data_unchecked::<SecondFactors>();
        Ok(Some(match Box::pin(factors.delete_passkey(id, Actor::of(ctx))).await {
            Ok(()) => DeletePayload { deleted_id: Some(input.id), errors: Vec::new() },
            Err(error) => failure(error.into_user_error("id")?),
        }))
    }
}

/// Counts a change that the caller makes to the own account. Returns the error if there were too many.
async fn count_change(ctx: &Context<'_>) -> Result<Option<UserError>, ApiError> {
    let (user, _) = account_and_session(ctx)?;
    Ok(match ctx.data_unchecked::<Throttle>().try_change(user).await? {
        Decision::Allowed(_) => None,
        Decision::Refused { retry_after, .. } => Some(UserError::rate_limited(retry_after)),
    })
}

impl PasskeyError {
    /// Converts the error to one that the user can act on.
    ///
    /// # Errors
    /// If the user cannot act on it.
    pub fn into_user_error(self) -> Result<UserError, ApiError> {
        Ok(match self {
            Self::NotOffered => return Err(ApiError::bad_user_input("This server offers no passkeys.")),
            Self::InvalidChallenge => {
                let message = "This challenge is no longer valid. Start again.";
                UserError::of_field(UserErrorCode::InvalidChallenge, "challenge", message)
            }
            Self::Rejected { .. } => {
                let message = "This passkey was not accepted.";
                UserError::of_field(UserErrorCode::PasskeyRejected, "credential", message)
            }
            Self::TooMany => {
                let message = format!("An account has at most {MAX_PASSKEYS} passkeys. Delete one first.");
                UserError::new(UserErrorCode::LimitReached, message)
            }
            Self::NameInvalid(message) => return Err(ApiError::bad_user_input(message)),
            Self::NotFound => UserError::of_field(UserErrorCode::NotFound, "id", "There is no such passkey."),
            Self::LastLoginMethod => {
                let message = "This passkey is the only way to sign in to your account.";
                UserError::of_field(UserErrorCode::LastLoginMethod, "id", message)
            }
            Self::Account(error) => return error.into_user_error(),
            Self::Database(error) => return Err(error.into()),
        })
    }
}
