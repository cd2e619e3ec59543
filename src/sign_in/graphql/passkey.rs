//! The GraphQL mutations that sign in with a passkey.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, failed};
use crate::{
    client::ClientInfo,
    graphql::{ApiError, UserError, guarded},
    passkeys::{
        Passkeys,
        graphql::{AuthenticationResponseJson, RequestOptionsJson},
    },
    sessions::graphql::{AuthPayload, TokenDelivery},
};

/// The payload of the `startPasskeyLogin` mutation.
#[derive(SimpleObject)]
struct StartPasskeyLoginPayload {
    /// The text to send with the response of the authenticator. It expires after 10 minutes. Null if there are errors.
    challenge: Option<String>,
    /// The options for `PublicKeyCredential.parseRequestOptionsFromJSON` and `navigator.credentials.get`. Null if
    /// there are errors.
    options: Option<RequestOptionsJson>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The input of the `loginWithPasskey` mutation.
#[derive(InputObject)]
struct LoginWithPasskeyInput {
    /// The `challenge` of `startPasskeyLogin`.
    challenge: SecretString,
    /// The response of the authenticator: the `toJSON()` of the credential.
    credential: AuthenticationResponseJson,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The mutations that sign in with a passkey.
#[derive(Default)]
pub struct PasskeyLoginMutation;

#[guarded]
#[Object]
impl PasskeyLoginMutation {
    /// Starts a sign-in with a passkey, for a button and for autofill alike. No username is needed.
    async fn start_passkey_login(&self, ctx: &Context<'_>) -> Result<StartPasskeyLoginPayload, ApiError> {
        Ok(match ctx.data_unchecked::<Passkeys>().start_sign_in() {
            Ok(started) => StartPasskeyLoginPayload {
                challenge: Some(started.token.expose_secret().to_owned()),
                options: Some(RequestOptionsJson(started.options)),
                errors: Vec::new(),
            },
            Err(error) => StartPasskeyLoginPayload {
                challenge: None,
                options: None,
                errors: vec![error.into_user_error()?],
            },
        })
    }

    /// Signs you in with a passkey, which counts as two factors. An unknown passkey, a disabled account and a wrong
    /// signature give the same response.
    async fn login_with_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The challenge and the response of the authenticator.")]
        input: LoginWithPasskeyInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
        let login = sign_in.login_with_passkey(&input.challenge, &input.credential.0, client);
        // On the heap, because the future of an object is as large as that of its largest field.
        match Box::pin(login).await {
            Ok(signed_in) => AuthPayload::success(ctx, signed_in, input.delivery),
            Err(error) => failed(error, "credential"),
        }
    }
}
