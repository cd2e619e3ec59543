//! The GraphQL mutations of what an account does by e-mail.

use async_graphql::{Context, InputObject, Object, OneofObject, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::failed;
use crate::{
    accounts::{Account, EmailAddress, Username, graphql::UserPayload},
    client::ClientInfo,
    graphql::{ApiError, DateTime, UserError, account_and_session, caller, guarded},
    sessions::{
        SignedIn,
        graphql::{AuthPayload, TokenDelivery},
    },
    sign_in::{Acceptance, EmailChallenge, EmailProof, EmailRequest, FactorProof, SignIn, SignInError},
    trusted_devices::graphql::device_token,
};

/// A proof that an e-mail address is yours. Exactly one field.
#[derive(OneofObject)]
pub(super) enum EmailProofInput {
    /// The token of the link, on any device.
    Token(SecretString),
    /// The code, on the device that requested the message.
    Code(EmailCodeInput),
}

/// A code from a message, with the challenge that belongs to it.
#[derive(InputObject)]
pub(super) struct EmailCodeInput {
    /// The `challenge` in the payload of the mutation that requested the message.
    challenge: SecretString,
    /// The eight digits of the code. Spaces and hyphens are ignored.
    code: SecretString,
}

impl From<EmailCodeInput> for FactorProof {
    fn from(input: EmailCodeInput) -> Self {
        Self::EmailCode { challenge: input.challenge, code: input.code }
    }
}

/// The input of the `requestEmailVerification` mutation.
#[derive(InputObject)]
pub(super) struct RequestEmailVerificationInput {
    /// The address to verify. Omit it for the unverified address of your own account.
    email: Option<String>,
}

/// The input of the `verifyEmail` mutation.
#[derive(InputObject)]
pub(super) struct VerifyEmailInput {
    /// The link or the code of the message.
    proof: EmailProofInput,
}

/// The input of the `requestPasswordReset` mutation.
#[derive(InputObject)]
pub(super) struct RequestPasswordResetInput {
    /// The e-mail address of the account.
    email: String,
}

/// The input of the `resetPassword` mutation.
#[derive(InputObject)]
pub(super) struct ResetPasswordInput {
    /// The link or the code of the message.
    proof: EmailProofInput,
    /// The new password, which must meet the `passwordPolicy` of the server and be hard to guess.
    new_password: SecretString,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `requestLoginEmail` mutation.
#[derive(InputObject)]
pub(super) struct RequestLoginEmailInput {
    /// The e-mail address of the account.
    email: String,
}

/// The input of the `loginWithEmail` mutation.
#[derive(InputObject)]
pub(super) struct LoginWithEmailInput {
    /// The link or the code of the message.
    proof: EmailProofInput,
    /// The `deviceToken` with which you sign in without a second factor on a device that you trust. Omit it with cookie
    /// delivery.
    device_token: Option<SecretString>,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `acceptInvitation` mutation.
#[derive(InputObject)]
pub(super) struct AcceptInvitationInput {
    /// The token of the link.
    token: SecretString,
    /// A username in place of the one that the administrator chose.
    username: Option<String>,
    /// The password of the account, which must meet the `passwordPolicy` of the server and be hard to guess.
    password: SecretString,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `undoEmailChange` mutation.
#[derive(InputObject)]
pub(super) struct UndoEmailChangeInput {
    /// The token of the link in the message to the previous address.
    token: SecretString,
}

/// The payload of the mutations that request a message. It is the same for every address, whether or not it belongs to
/// an account.
#[derive(SimpleObject)]
pub(super) struct EmailChallengePayload {
    /// The text to send together with the code of the message. Only a client that holds it can use the code. Null if there
    /// are errors.
    challenge: Option<String>,
    /// When the link and the code expire. Null if there are errors.
    expires_at: Option<DateTime>,
    /// The time until you may request another message, in seconds. Null if there are errors.
    resend_after: Option<i32>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

impl EmailChallengePayload {
    pub(super) fn of(requested: Result<EmailChallenge, SignInError>) -> Result<Self, ApiError> {
        Ok(match requested {
            Ok(EmailChallenge { challenge, expires_at, resend_after }) => Self {
                challenge: Some(challenge.expose_secret().to_owned()),
                expires_at: Some(DateTime(expires_at)),
                resend_after: Some(i32::try_from(resend_after.as_secs()).unwrap_or(i32::MAX)),
                errors: Vec::new(),
            },
            Err(error) => Self {
                challenge: None,
                expires_at: None,
                resend_after: None,
                errors: vec![error.into_user_error("email")?],
            },
        })
    }
}

/// The mutations of what an account does by e-mail.
#[derive(Default)]
pub struct EmailMutation;

#[guarded]
#[Object]
impl EmailMutation {
    /// Sends a message with a link and a code that verify an e-mail address: the address in the input, or the unverified
    /// or pending address of your own account, which requires that you are signed in. The response does not reveal
    /// whether an account has the address.
    async fn request_email_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address. Omit it for that of your own account.")] input: Option<
            RequestEmailVerificationInput,
        >,
    ) -> Result<EmailChallengePayload, ApiError> {
        let (sign_in, client) = services(ctx);
        match input.and_then(|input| input.email) {
            Some(email) => request(ctx, EmailRequest::Verification, &email).await,
            None => {
                let (user, _) = account_and_session(ctx)?;
                EmailChallengePayload::of(sign_in.request_own_verification(user, client).await)
            }
        }
    }

    /// Verifies an e-mail address with the link or the code of a message. You need not be signed in, and you are not
    /// signed in by it. A pending address becomes the address of the account.
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link or the code.")] input: VerifyEmailInput,
    ) -> Result<UserPayload, ApiError> {
        let (sign_in, client) = services(ctx);
        user(ctx, sign_in.verify_email(&input.proof.into(), client).await)
    }

    /// Sends a message with a link and a code that set a new password. The response does not reveal whether an account
    /// has the address.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address of the account.")] input: RequestPasswordResetInput,
    ) -> Result<EmailChallengePayload, ApiError> {
        request(ctx, EmailRequest::PasswordReset, &input.email).await
    }

    /// Sets a new password with the link or the code of a message, and signs you in. All sessions of the account end, and
    /// its e-mail address is verified.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link or the code, and the new password.")] input: ResetPasswordInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (sign_in, client) = services(ctx);
        // On the heap, because the future of an object is as large as that of its largest field.
        let reset = Box::pin(sign_in.reset_password(&input.proof.into(), &input.new_password, client)).await;
        tokens(ctx, reset, input.delivery, "newPassword")
    }

    /// Sends a message with a link and a code that sign in without a password, if the server offers it. The response does
    /// not reveal whether an account has the address.
    async fn request_login_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address of the account.")] input: RequestLoginEmailInput,
    ) -> Result<EmailChallengePayload, ApiError> {
        request(ctx, EmailRequest::SignIn, &input.email).await
    }

    /// Signs you in with the link or the code of a message. If the address was never verified before, all sessions of the
    /// account end and its password is removed, because somebody else may have created it.
    async fn login_with_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link or the code.")] input: LoginWithEmailInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (sign_in, client) = services(ctx);
        let (proof, device) = (input.proof.into(), device_token(ctx, input.device_token));
        let signed_in = Box::pin(sign_in.login_with_email(&proof, device.as_ref(), client)).await;
        tokens(ctx, signed_in, input.delivery, "proof")
    }

    /// Sets the first password of an account to which an administrator has invited you, and signs you in. Its e-mail
    /// address is verified.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link, and the password to set.")] input: AcceptInvitationInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (sign_in, client) = services(ctx);
        let username = match input.username.as_deref().map(Username::parse).transpose() {
            Ok(username) => username,
            Err(error) => return Ok(AuthPayload::failure(vec![error.into_user_error()?])),
        };
        let acceptance = Acceptance { token: input.token, username, password: input.password };
        let accepted = Box::pin(sign_in.accept_invitation(acceptance, client)).await;
        tokens(ctx, accepted, input.delivery, "password")
    }

    /// Restores the previous e-mail address of an account with the link that was sent to it, and ends all sessions of the
    /// account. If somebody else changed the address, set a new password afterwards.
    async fn undo_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link in the message.")] input: UndoEmailChangeInput,
    ) -> Result<UserPayload, ApiError> {
        let (sign_in, client) = services(ctx);
        user(ctx, sign_in.undo_email_change(input.token, client).await)
    }
}

impl From<EmailProofInput> for EmailProof {
    fn from(input: EmailProofInput) -> Self {
        match input {
            EmailProofInput::Token(token) => Self::Token(token),
            EmailProofInput::Code(EmailCodeInput { challenge, code }) => Self::Code { challenge, code },
        }
    }
}

fn services<'a>(ctx: &Context<'a>) -> (&'a SignIn, &'a ClientInfo) {
    (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>())
}

/// Requests a message to an address that somebody has typed.
async fn request(
    ctx: &Context<'_>,
    request: EmailRequest,
    email: &str,
) -> Result<EmailChallengePayload, ApiError> {
    let (sign_in, client) = services(ctx);
    let requested = match EmailAddress::parse(email) {
        Ok(email) => sign_in.request_email(request, &email, client).await,
        Err(error) => Err(error.into()),
    };
    EmailChallengePayload::of(requested)
}

fn user(ctx: &Context<'_>, result: Result<Account, SignInError>) -> Result<UserPayload, ApiError> {
    Ok(match result {
        Ok(account) => UserPayload::success(account, caller(ctx).clone()),
        Err(error) => UserPayload::failure(vec![error.into_user_error("proof")?]),
    })
}

/// The payload of a sign-in. `field` is the field of the input with the new password.
fn tokens(
    ctx: &Context<'_>,
    result: Result<SignedIn, SignInError>,
    delivery: TokenDelivery,
    field: &str,
) -> Result<AuthPayload, ApiError> {
    match result {
        Ok(signed_in) => AuthPayload::success(ctx, signed_in, delivery),
        Err(error) => failed(error, field),
    }
}
