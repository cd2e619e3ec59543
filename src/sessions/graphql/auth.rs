use std::time::Duration;

use async_graphql::{Context, Enum, SimpleObject};
use axum::http::header::SET_COOKIE;
use secrecy::{ExposeSecret, SecretString};

use super::UserSession;
use crate::{
    accounts::graphql::User,
    config::{Cookies, HttpConfig},
    graphql::{ApiError, DateTime, RefreshCookie, Transport, UserError},
    passkeys::graphql::RequestOptionsJson,
    personal_access_tokens::ExchangedToken,
    second_factors::StartedTotp,
    sessions::{AuthenticationMethod, Sessions, SignedIn},
    tokens::TokenCookie,
    trusted_devices::TrustedToken,
};

/// How the refresh token is delivered to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TokenDelivery {
    /// In the payload, in the field `refreshToken`.
    Body,
    /// In an HttpOnly, Secure, SameSite=Strict cookie, which scripts cannot read. The access token is in the
    /// payload.
    Cookie,
}

impl TokenDelivery {
    /// Checks that this delivery is possible. A mutation calls it before it writes anything.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if the server sets no cookies, or the request came over a WebSocket.
    pub fn ensure_supported(self, ctx: &Context<'_>) -> Result<(), ApiError> {
        match (self, config(ctx).cookies) {
            (Self::Cookie, Cookies::Off) => Err(ApiError::bad_user_input(
                "This server sets no cookies (http.cookies is off): use delivery BODY.",
            )),
            (Self::Cookie, _) if ctx.data_opt() == Some(&Transport::WebSocket) => {
                Err(ApiError::bad_user_input("A cookie cannot be set over a WebSocket: use delivery BODY."))
            }
            _ => Ok(()),
        }
    }
}

fn config<'a>(ctx: &'a Context<'_>) -> &'a HttpConfig {
    &ctx.data_unchecked::<Sessions>().config.http
}

/// The payload of every mutation that issues access tokens. Either `errors` is empty, or all other fields are null.
/// The fields of the payload are resolved with the permissions of the user who has just signed in.
#[derive(SimpleObject)]
pub struct AuthPayload {
    /// The access token, a JWT for the header `Authorization: Bearer`. Null if there are errors.
    access_token: Option<String>,
    /// The token for the next `refresh`. Each token can be used once, so keep only the newest. Null with
    /// cookie delivery, after an exchange of a personal access token, or if there are errors.
    refresh_token: Option<String>,
    /// The remaining lifetime of the access token, in seconds. Null if there are errors.
    expires_in: Option<i32>,
    /// The user who signed in. Null if there are errors.
    user: Option<User>,
    /// The session that was created or continued. Null after an exchange of a personal access token, or if there are
    /// errors.
    session: Option<UserSession>,
    /// The missing step of the sign-in. Not null if a sign-in ends with the error `SECOND_FACTOR_REQUIRED`, or with
    /// `EMAIL_NOT_VERIFIED`, unless too many messages were sent to the address.
    challenge: Option<LoginChallenge>,
    /// New recovery codes, which are shown this once. Null unless the mutation has added the first second factor of the
    /// account.
    recovery_codes: Option<Vec<String>>,
    /// The token of this device, on which you sign in without a second factor from now on: the `deviceToken` of `login`
    /// and `loginWithEmail`. Null with cookie delivery, unless `trustDevice` was true, or if the server trusts no devices.
    device_token: Option<String>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// A sign-in that is not complete.
#[derive(SimpleObject)]
pub struct LoginChallenge {
    /// The text to send with the missing proof: the `challenge` of `verifyEmail` for the error
    /// `EMAIL_NOT_VERIFIED`, and that of `verifySecondFactor` for `SECOND_FACTOR_REQUIRED`.
    pub token: String,
    /// When the challenge expires.
    pub expires_at: DateTime,
    /// The ways to complete the sign-in, the strongest first. Never empty.
    pub methods: Vec<AuthenticationMethod>,
    /// The options for `PublicKeyCredential.parseRequestOptionsFromJSON` and `navigator.credentials.get`. Null if a passkey
    /// is not one of the ways.
    pub passkey_options: Option<RequestOptionsJson>,
    /// The authenticator app to add, because the server requires a second factor of the account and it has none. Send its
    /// first code to `verifySecondFactor`. Null if the account has a second factor, or needs none.
    pub enrolment: Option<TotpEnrolment>,
}

/// The secret of an authenticator app that completes a sign-in and becomes the second factor of the account.
#[derive(SimpleObject)]
pub struct TotpEnrolment {
    /// The secret in base32, for typing it into an authenticator app.
    secret: String,
    /// The secret as an otpauth URI, for a QR code that the client draws.
    uri: String,
}

impl From<&StartedTotp> for TotpEnrolment {
    fn from(started: &StartedTotp) -> Self {
        Self {
            secret: started.secret.expose_secret().to_owned(),
            uri: started.uri.expose_secret().to_owned(),
        }
    }
}

impl AuthPayload {
    /// The payload of a mutation that succeeded. Delivers the tokens.
    ///
    /// # Errors
    /// If the cookie cannot be written.
    pub fn success(
        ctx: &Context<'_>,
        signed_in: SignedIn,
        delivery: TokenDelivery,
    ) -> Result<Self, ApiError> {
        let SignedIn { account, session, tokens, caller } = signed_in;
        let refresh_token = match delivery {
            TokenDelivery::Body => Some(tokens.refresh.expose_secret().to_owned()),
            TokenDelivery::Cookie => {
                let token = (&tokens.refresh, tokens.refresh_expires_in);
                append_cookie(ctx, TokenCookie::Refresh, Some(token))?;
                None
            }
        };
        Ok(Self {
            access_token: Some(tokens.access.expose_secret().to_owned()),
            refresh_token,
            expires_in: Some(i32::try_from(tokens.access_expires_in.as_secs()).unwrap_or(i32::MAX)),
            user: Some(User::new(account, caller.clone())),
            session: Some(UserSession::new(session, caller)),
            challenge: None,
            recovery_codes: None,
            device_token: None,
            errors: Vec::new(),
        })
    }

    /// Adds the recovery codes that the sign-in has created.
    #[must_use]
    pub fn with_recovery_codes(mut self, codes: Option<Vec<SecretString>>) -> Self {
        let text = |code: SecretString| code.expose_secret().to_owned();
        self.recovery_codes = codes.map(|codes| codes.into_iter().map(text).collect());
        self
    }

    /// Delivers the token of a device that was trusted.
    ///
    /// # Errors
    /// If the cookie cannot be written.
    pub fn with_trusted_device(
        mut self,
        ctx: &Context<'_>,
        device: Option<TrustedToken>,
        delivery: TokenDelivery,
    ) -> Result<Self, ApiError> {
        let Some(TrustedToken { token, lifetime }) = device else { return Ok(self) };
        match delivery {
            TokenDelivery::Body => self.device_token = Some(token.expose_secret().to_owned()),
            TokenDelivery::Cookie => append_cookie(ctx, TokenCookie::Device, Some((&token, lifetime)))?,
        }
        Ok(self)
    }

    /// The payload of an exchange of a personal access token. There is no session and no refresh token.
    #[must_use]
    pub fn exchanged(token: ExchangedToken) -> Self {
        Self {
            access_token: Some(token.access.expose_secret().to_owned()),
            expires_in: Some(i32::try_from(token.expires_in.as_secs()).unwrap_or(i32::MAX)),
            user: Some(User::new(token.account, token.caller)),
            ..Self::failure(Vec::new())
        }
    }

    /// The payload of a sign-in from which something is missing.
    #[must_use]
    pub fn incomplete(error: UserError, challenge: Option<LoginChallenge>) -> Self {
        Self { challenge, ..Self::failure(vec![error]) }
    }

    /// The payload of a mutation that failed.
    #[must_use]
    pub fn failure(errors: Vec<UserError>) -> Self {
        Self {
            access_token: None,
            refresh_token: None,
            expires_in: None,
            user: None,
            session: None,
            challenge: None,
            recovery_codes: None,
            device_token: None,
            errors,
        }
    }
}

/// Clears the refresh cookie of a browser that has sent it.
///
/// # Errors
/// If the cookie cannot be written.
pub fn clear_refresh_cookie(ctx: &Context<'_>) -> Result<(), ApiError> {
    match ctx.data_opt::<RefreshCookie>() {
        Some(RefreshCookie(Some(_))) => append_cookie(ctx, TokenCookie::Refresh, None),
        _ => Ok(()),
    }
}

/// Adds the Set-Cookie header of a token to the response.
fn append_cookie(
    ctx: &Context<'_>,
    cookie: TokenCookie,
    token: Option<(&SecretString, Duration)>,
) -> Result<(), ApiError> {
    let cookie = cookie.header(token, config(ctx)).map_err(|error| ApiError::internal(&error))?;
    ctx.append_http_header(SET_COOKIE, cookie);
    Ok(())
}
