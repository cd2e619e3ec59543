//! The GraphQL mutations of signing in.

mod email;
mod passkey;
mod reauthenticate;
mod register;
mod second_factor;

use async_graphql::{Context, InputObject, Object};
use secrecy::{ExposeSecret, SecretString};

pub use self::{
    email::EmailMutation, passkey::PasskeyLoginMutation, reauthenticate::ReauthenticationMutation,
    register::RegistrationMutation, second_factor::SecondFactorMutation,
};
use super::{EmailChallenge, LoginRequest, SignIn, SignInError};
use crate::{
    accounts::graphql::DeletePayload,
    client::ClientInfo,
    graphql::{
        ApiError, DateTime, RefreshCookie, Requirements, UserError, UserErrorCode, account_and_session,
        claims, guarded, node_id,
    },
    passkeys::graphql::RequestOptionsJson,
    passwords::PasswordAttempt,
    proofs::InvalidProof,
    second_factors::PendingSignIn,
    sessions::{
        AuthenticationMethod, Sessions,
        graphql::{
            AuthPayload, LoginChallenge, TokenDelivery, TotpEnrolment, clear_refresh_cookie, signing_error,
        },
    },
    trusted_devices::graphql::device_token,
};

/// The mutations that check or set a credential. An operation may contain only one of them, and none accepts a personal
/// access token of its caller.
pub const CREDENTIAL_FIELDS: [&str; 21] = [
    "register",
    "registerWithPasskey",
    "login",
    "changePassword",
    "reauthenticate",
    "verifySecondFactor",
    "requestSecondFactorEmail",
    "confirmTotp",
    "deleteAccount",
    "requestEmailVerification",
    "verifyEmail",
    "requestPasswordReset",
    "resetPassword",
    "requestLoginEmail",
    "loginWithEmail",
    "addPasskey",
    "loginWithPasskey",
    "acceptInvitation",
    "undoEmailChange",
    "createPersonalAccessToken",
    "exchangePersonalAccessToken",
];

/// The maximum age of a login that takes the place of the password of an account without one.
const RECENT_LOGIN_SECONDS: u32 = 300;

/// The input of the `login` mutation.
#[derive(InputObject)]
pub struct LoginInput {
    /// The username, or a verified e-mail address.
    username: String,
    /// The password of the account.
    password: SecretString,
    /// The `deviceToken` with which you sign in without a second factor on a device that you trust. Omit it with cookie
    /// delivery.
    device_token: Option<SecretString>,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `changePassword` mutation.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The current password of your account. Omit it only if the account has none: then your login must be at most five
    /// minutes old.
    current_password: Option<SecretString>,
    /// The new password, which must meet the `passwordPolicy` of the server and be hard to guess.
    new_password: SecretString,
}

/// The input of the `deleteAccount` mutation.
#[derive(InputObject)]
pub struct DeleteAccountInput {
    /// The current password of your account, to confirm the deletion. Omit it only if the account has none: then your login
    /// must be at most five minutes old.
    password: Option<SecretString>,
}

/// The mutations of signing in.
#[derive(Default)]
pub struct SignInMutation;

#[guarded]
#[Object]
impl SignInMutation {
    /// Signs you in. A wrong password and an unknown user give the same response in the same time, so that the
    /// response does not reveal whether an account exists.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials to sign in with.")] input: LoginInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let login = LoginRequest {
            username: input.username,
            password: PasswordAttempt::new(input.password.expose_secret()),
            device: device_token(ctx, input.device_token),
        };
        match ctx.data_unchecked::<SignIn>().login(login, ctx.data_unchecked::<ClientInfo>()).await {
            Ok(signed_in) => AuthPayload::success(ctx, signed_in, input.delivery),
            Err(error) => failed(error, "password"),
        }
    }

    /// Changes your password and revokes all your other sessions. The current session continues with the new
    /// tokens in the payload; its previous tokens become invalid.
    #[authenticated]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current password and the new one.")] input: ChangePasswordInput,
    ) -> Result<Option<AuthPayload>, ApiError> {
        let claims = claims(ctx)?;
        // A client that holds the refresh token of this session in a cookie receives the next one in a cookie
        // as well.
        let cookie = ctx.data_opt::<RefreshCookie>().and_then(|cookie| cookie.0.clone());
        let in_cookie = cookie.and_then(|token| ctx.data_unchecked::<Sessions>().session_of(&token));
        let is_in_cookie = in_cookie == Some(account_and_session(ctx)?.1);
        let delivery = if is_in_cookie { TokenDelivery::Cookie } else { TokenDelivery::Body };
        let current = password_or_recent_login(ctx, input.current_password.as_ref())?;
        let sign_in = ctx.data_unchecked::<SignIn>();
        let client = ctx.data_unchecked::<ClientInfo>();
        Ok(Some(match sign_in.change_password(claims, current.as_ref(), &input.new_password, client).await {
            Ok(signed_in) => AuthPayload::success(ctx, signed_in, delivery)?,
            Err(error) => {
                let field = match error {
                    SignInError::Password(_) => "newPassword",
                    _ => "currentPassword",
                };
                AuthPayload::failure(vec![error.into_user_error(field)?])
            }
        }))
    }

    /// Deletes your account and all its data, immediately and permanently. If the server defers deletions, you are signed
    /// out, and undo the deletion by signing in within that time.
    #[authenticated]
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Your password, to confirm the deletion.")] input: DeleteAccountInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        let (claims, (user, _)) = (claims(ctx)?, account_and_session(ctx)?);
        let password = password_or_recent_login(ctx, input.password.as_ref())?;
        let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
        let closed = sign_in.delete_account(claims, password.as_ref(), client).await;
        Ok(Some(match closed {
            Ok(()) => {
                clear_refresh_cookie(ctx)?;
                DeletePayload { deleted_id: Some(node_id(user)), errors: Vec::new() }
            }
            Err(error) => {
                DeletePayload { deleted_id: None, errors: vec![error.into_user_error("password")?] }
            }
        }))
    }
}

/// The password that confirms an operation. Without one, the login of the caller must be recent.
fn password_or_recent_login(
    ctx: &Context<'_>,
    password: Option<&SecretString>,
) -> Result<Option<PasswordAttempt>, ApiError> {
    if password.is_none() {
        Requirements::AUTHENTICATED.recent_login(RECENT_LOGIN_SECONDS, None).check(ctx)?;
    }
    Ok(password.map(|password| PasswordAttempt::new(password.expose_secret())))
}

/// The payload of a sign-in that failed or is not complete. `field` is the field of the input with the proof.
fn failed(error: SignInError, field: &str) -> Result<AuthPayload, ApiError> {
    Ok(match error {
        SignInError::EmailNotVerified(challenge) => must_verify(challenge.map(|challenge| *challenge)),
        SignInError::SecondFactorRequired(pending) => needs_second_factor(*pending),
        error => AuthPayload::failure(vec![error.into_user_error(field)?]),
    })
}

/// The payload for a user who has proven the first factor.
fn needs_second_factor(pending: PendingSignIn) -> AuthPayload {
    let message = match pending.enrolment {
        Some(_) => "Your account must have a second factor. Add an authenticator app to sign in.",
        None => "Prove a second factor to sign in.",
    };
    let error = UserError::new(UserErrorCode::SecondFactorRequired, message);
    let challenge = LoginChallenge {
        token: pending.challenge.expose_secret().to_owned(),
        expires_at: DateTime(pending.expires_at),
        methods: pending.methods,
        passkey_options: pending.passkey_options.map(RequestOptionsJson),
        enrolment: pending.enrolment.as_ref().map(TotpEnrolment::from),
    };
    AuthPayload::incomplete(error, Some(challenge))
}

/// The payload for a user who must verify the address before they can sign in.
fn must_verify(challenge: Option<EmailChallenge>) -> AuthPayload {
    let message = "Verify your e-mail address first: open the link in the message, or enter its code.";
    let error = UserError::new(UserErrorCode::EmailNotVerified, message);
    let challenge = challenge.map(|challenge| LoginChallenge {
        token: challenge.challenge.expose_secret().to_owned(),
        expires_at: DateTime(challenge.expires_at),
        methods: vec![AuthenticationMethod::EmailLink, AuthenticationMethod::EmailCode],
        passkey_options: None,
        enrolment: None,
    });
    AuthPayload::incomplete(error, challenge)
}

impl SignInError {
    /// Converts the error to one that the user can act on. `field` is the field of the input with the password.
    fn into_user_error(self, field: &str) -> Result<UserError, ApiError> {
        Ok(match self {
            Self::InvalidCredentials => {
                let message = match field {
                    "password" => "The username or the password is wrong.",
                    _ => "The password is wrong.",
                };
                UserError::of_field(UserErrorCode::InvalidCredentials, field, message)
            }
            Self::AccountDisabled => {
                UserError::new(UserErrorCode::AccountDisabled, "An administrator has disabled this account.")
            }
            Self::RateLimited { retry_after } => UserError::rate_limited(retry_after),
            Self::RegistrationClosed => {
                let message = "Registration is closed. Only administrators can create accounts.";
                UserError::new(UserErrorCode::RegistrationClosed, message)
            }
            Self::EmailNotVerified(_) => {
                UserError::new(UserErrorCode::EmailNotVerified, "Verify your e-mail address first.")
            }
            Self::SecondFactorRequired(_) | Self::StrongerProofRequired => {
                let message = "Your account has a second factor. Prove that one instead of the password.";
                UserError::new(UserErrorCode::SecondFactorRequired, message)
            }
            Self::SecondFactor(error) => error.into_user_error(field)?,
            Self::NotOffered(message) => return Err(ApiError::bad_user_input(message)),
            Self::NothingToVerify => {
                UserError::new(UserErrorCode::NotFound, "Your account has no address to verify.")
            }
            Self::Proof(error) => invalid_proof(error)?,
            Self::Passkey(error) => error.into_user_error()?,
            Self::SessionOver => {
                let message = "The session has ended. Sign in again.";
                UserError::new(UserErrorCode::InvalidCredentials, message)
            }
            Self::Password(violation) => UserError::from(violation).in_field(field),
            Self::Account(error) => error.into_user_error()?,
            Self::Refused(error) => error,
            Self::Hook(error) => return Err(ApiError::internal(&error)),
            Self::Hash(error) => return Err(error.into()),
            Self::Keyring(error) => return Err(signing_error(&error)),
            Self::Database(error) => return Err(error.into()),
        })
    }
}

/// Converts the error of a link or a code to one that the user can act on.
fn invalid_proof(error: InvalidProof) -> Result<UserError, ApiError> {
    Ok(match error {
        InvalidProof::Unknown => {
            let message = "This link or code is no longer valid. Request a new message.";
            UserError::new(UserErrorCode::InvalidChallenge, message)
        }
        InvalidProof::WrongCode => UserError::new(UserErrorCode::InvalidCode, "The code is wrong."),
        InvalidProof::RateLimited { retry_after } => UserError::rate_limited(retry_after),
        InvalidProof::Database(error) => return Err(error.into()),
    })
}
