//! The GraphQL fields of second factors.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::{FactorError, RecoveryCodesInfo, SecondFactors, TotpInfo};
use crate::{
    accounts::graphql::UserPayload,
    audit::Actor,
    graphql::{ApiError, DateTime, UserError, UserErrorCode, account_and_session, caller, guarded},
    tokens::TWO_FACTORS,
};

/// The maximum age of the login with which a user changes factors, in seconds. The guards of these fields state it too.
const RECENT_LOGIN_SECONDS: u32 = 300;

/// The authenticator app of an account.
#[derive(SimpleObject)]
pub struct Totp {
    /// When the app was added to the account.
    created_at: DateTime,
    /// When a code of the app was last used. Null if none was.
    last_used_at: Option<DateTime>,
}

impl From<TotpInfo> for Totp {
    fn from(totp: TotpInfo) -> Self {
        Self { created_at: DateTime(totp.created_at), last_used_at: totp.last_used_at.map(DateTime) }
    }
}

/// The recovery codes of an account, each of which replaces a second factor once.
#[derive(SimpleObject)]
pub struct RecoveryCodes {
    /// The number of codes in the set.
    total: i32,
    /// The number of codes that were not used yet.
    remaining: i32,
    /// When the set was created.
    created_at: DateTime,
}

impl From<RecoveryCodesInfo> for RecoveryCodes {
    fn from(codes: RecoveryCodesInfo) -> Self {
        let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            total: number(codes.total),
            remaining: number(codes.remaining),
            created_at: DateTime(codes.created_at),
        }
    }
}

/// The input of the `confirmTotp` mutation.
#[derive(InputObject)]
struct ConfirmTotpInput {
    /// The code of six digits that the authenticator app shows.
    code: SecretString,
}

/// The payload of the `startTotp` mutation.
#[derive(Default, SimpleObject)]
struct StartTotpPayload {
    /// The secret in base32, for typing it into an authenticator app. Null if there are errors.
    secret: Option<String>,
    /// The secret as an otpauth URI, for a QR code that the client draws. Null if there are errors.
    uri: Option<String>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The payload of the mutations that create recovery codes.
#[derive(Default, SimpleObject)]
struct RecoveryCodesPayload {
    /// New recovery codes, which are shown this once. Null if there are errors, or if your previous codes stay valid.
    codes: Option<Vec<String>>,
    /// The state of your recovery codes. Null if there are errors.
    recovery_codes: Option<RecoveryCodes>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

impl RecoveryCodesPayload {
    async fn success(ctx: &Context<'_>, codes: Option<Vec<SecretString>>) -> Result<Self, ApiError> {
        let (user, _) = account_and_session(ctx)?;
        let recovery_codes = ctx.data_unchecked::<SecondFactors>().recovery_codes(user).await?;
        let text = |code: SecretString| code.expose_secret().to_owned();
        Ok(Self {
            codes: codes.map(|codes| codes.into_iter().map(text).collect()),
            recovery_codes: recovery_codes.map(RecoveryCodes::from),
            errors: Vec::new(),
        })
    }

    fn failure(error: FactorError) -> Result<Self, ApiError> {
        Ok(Self { errors: vec![error.into_user_error("code")?], ..Self::default() })
    }
}

/// The mutations of second factors.
#[derive(Default)]
pub struct SecondFactorsMutation;

#[guarded]
#[Object]
impl SecondFactorsMutation {
    /// Creates a secret for an authenticator app (TOTP, RFC 6238). The app is a second factor of your account once
    /// confirmTotp has accepted its first code, within 15 minutes.
    #[requires_recent_login("5m")]
    async fn start_totp(&self, ctx: &Context<'_>) -> Result<Option<StartTotpPayload>, ApiError> {
        let factors = ctx.data_unchecked::<SecondFactors>();
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(factors.start_totp(Actor::of(ctx))).await {
            Ok(started) => StartTotpPayload {
                secret: Some(started.secret.expose_secret().to_owned()),
                uri: Some(started.uri.expose_secret().to_owned()),
                errors: Vec::new(),
            },
            Err(error) => StartTotpPayload {
                errors: vec![error.into_user_error("code")?],
                ..StartTotpPayload::default()
            },
        }))
    }

    /// Makes an authenticator app a second factor of your account, in place of the previous app. The first second factor
    /// ends your other sessions and returns recovery codes.
    #[authenticated]
    async fn confirm_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first code of the app.")] input: ConfirmTotpInput,
    ) -> Result<Option<RecoveryCodesPayload>, ApiError> {
        let (_, session) = account_and_session(ctx)?;
        let factors = ctx.data_unchecked::<SecondFactors>();
        let confirmed = Box::pin(factors.confirm_totp(&input.code, session, Actor::of(ctx))).await;
        Ok(Some(match confirmed {
            Ok(codes) => RecoveryCodesPayload::success(ctx, codes).await?,
            Err(error) => RecoveryCodesPayload::failure(error)?,
        }))
    }

    /// Removes the authenticator app from your account. The recovery codes become void with the last second factor.
    #[requires_recent_login("5m")]
    async fn remove_totp(&self, ctx: &Context<'_>) -> Result<Option<UserPayload>, ApiError> {
        let factors = ctx.data_unchecked::<SecondFactors>();
        Ok(Some(match Box::pin(factors.remove_totp(Actor::of(ctx))).await {
            Ok(account) => UserPayload::success(account, caller(ctx).clone()),
            Err(error) => UserPayload::failure(vec![error.into_user_error("code")?]),
        }))
    }

    /// Creates ten new recovery codes, which void the previous ones.
    #[requires_recent_login("5m")]
    async fn create_recovery_codes(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<RecoveryCodesPayload>, ApiError> {
        let factors = ctx.data_unchecked::<SecondFactors>();
        Ok(Some(match Box::pin(factors.create_recovery_codes(Actor::of(ctx))).await {
            Ok(codes) => RecoveryCodesPayload::success(ctx, Some(codes)).await?,
            Err(error) => RecoveryCodesPayload::failure(error)?,
        }))
    }
}

impl FactorError {
    /// Converts the error to one that the user can act on. `field` is the field of the input with the code.
    pub(crate) fn into_user_error(self, field: &str) -> Result<UserError, ApiError> {
        Ok(match self {
            Self::UnknownChallenge => {
                let message = "This sign-in is no longer valid. Sign in again from the start.";
                UserError::new(UserErrorCode::InvalidChallenge, message)
            }
            Self::WrongCode => {
                let message = "The code is wrong, or was already used. Wait for the next one.";
                UserError::of_field(UserErrorCode::InvalidCode, field, message)
            }
            Self::RateLimited { retry_after } => UserError::rate_limited(retry_after),
            Self::Missing(message) => UserError::new(UserErrorCode::NotFound, message),
            Self::LastRequired => {
                let message = "This server requires a second factor of your account. Add another one before you remove \
                               this one, or replace it.";
                UserError::new(UserErrorCode::SecondFactorRequired, message)
            }
            Self::Passkey(error) => error.into_user_error()?,
            Self::Account(error) => error.into_user_error()?,
            Self::StrongerLoginRequired => {
                return Err(ApiError::insufficient_user_authentication(
                    Some(RECENT_LOGIN_SECONDS),
                    Some(TWO_FACTORS),
                ));
            }
            error @ Self::Damaged => return Err(ApiError::internal(&error)),
            Self::Database(error) => return Err(error.into()),
        })
    }
}
