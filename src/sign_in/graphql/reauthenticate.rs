//! The GraphQL mutations that authenticate a user again (step-up authentication).

use async_graphql::{Context, InputObject, Object, OneofObject, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, email::EmailCodeInput, failed};
use crate::{
    client::ClientInfo,
    graphql::{ApiError, DateTime, UserError, account_and_session, claims, guarded},
    passkeys::graphql::{AuthenticationResponseJson, RequestOptionsJson},
    passwords::PasswordAttempt,
    sessions::{
        AuthenticationMethod,
        graphql::{AuthPayload, TokenDelivery},
    },
    sign_in::{FactorProof, Reauthentication},
};

/// A proof that you are the user of the session. Exactly one field.
#[derive(OneofObject)]
enum ReauthenticationProof {
    /// The password of your account, if the account has no second factor.
    Password(SecretString),
    /// The code of six digits that your authenticator app shows.
    Totp(SecretString),
    /// One of your recovery codes, which is then used.
    RecoveryCode(SecretString),
    /// The response of an authenticator with a passkey of yours.
    Passkey(PasskeyProofInput),
    /// The code of the message that `startReauthentication` has sent, because there is no other way.
    EmailCode(EmailCodeInput),
}

/// The response of an authenticator, with the challenge that belongs to it.
#[derive(InputObject)]
struct PasskeyProofInput {
    /// The `challenge` of `startReauthentication`.
    challenge: SecretString,
    /// The response of the authenticator to the `passkeyOptions`: the `toJSON()` of the credential.
    credential: AuthenticationResponseJson,
}

impl From<ReauthenticationProof> for Reauthentication {
    fn from(proof: ReauthenticationProof) -> Self {
        match proof {
            ReauthenticationProof::Password(password) => {
                Self::Password(PasswordAttempt::new(password.expose_secret()))
            }
            ReauthenticationProof::Totp(code) => Self::Factor(FactorProof::Totp(code)),
            ReauthenticationProof::RecoveryCode(code) => Self::Factor(FactorProof::RecoveryCode(code)),
            ReauthenticationProof::Passkey(PasskeyProofInput { challenge, credential }) => {
                Self::Factor(FactorProof::Passkey { challenge, response: credential.0 })
            }
            ReauthenticationProof::EmailCode(input) => Self::Factor(input.into()),
        }
    }
}

/// The input of the `reauthenticate` mutation.
#[derive(InputObject)]
struct ReauthenticateInput {
    /// The proof that you are the user of the session.
    proof: ReauthenticationProof,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The payload of the `startReauthentication` mutation.
#[derive(Default, SimpleObject)]
struct StartReauthenticationPayload {
    /// The ways to authenticate again, the strongest first. Empty if there are errors.
    methods: Vec<AuthenticationMethod>,
    /// The text to send with a passkey, or with the code that was sent by e-mail. Null if neither is one of the ways.
    challenge: Option<String>,
    /// When the challenge expires. Null without a challenge.
    expires_at: Option<DateTime>,
    /// The options for `PublicKeyCredential.parseRequestOptionsFromJSON` and `navigator.credentials.get`. Null if a passkey
    /// is not one of the ways.
    passkey_options: Option<RequestOptionsJson>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The mutations that authenticate a user again.
#[derive(Default)]
pub struct ReauthenticationMutation;

#[guarded]
#[Object]
impl ReauthenticationMutation {
    /// Names the ways in which you can authenticate again with reauthenticate. Sends you a code by e-mail if your account has
    /// neither a password nor a second factor.
    #[authenticated]
    async fn start_reauthentication(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<StartReauthenticationPayload>, ApiError> {
        account_and_session(ctx)?;
        let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
        Ok(Some(match Box::pin(sign_in.start_reauthentication(claims(ctx)?, client)).await {
            Ok(started) => StartReauthenticationPayload {
                methods: started.methods,
                challenge: started.challenge.map(|challenge| challenge.expose_secret().to_owned()),
                expires_at: started.expires_at.map(DateTime),
                passkey_options: started.passkey_options.map(RequestOptionsJson),
                errors: Vec::new(),
            },
            Err(error) => StartReauthenticationPayload {
                errors: vec![error.into_user_error("proof")?],
                ..StartReauthenticationPayload::default()
            },
        }))
    }

    /// Proves again that you are the user of your session, for fields with `@requiresRecentLogin`. The session continues
    /// with the new tokens in the payload, whose claim `auth_time` is now, and whose `acr` and `amr` have this proof beside the
    /// earlier ones; its previous refresh token becomes invalid.
    #[authenticated]
    async fn reauthenticate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof, and the delivery of the tokens.")] input: ReauthenticateInput,
    ) -> Result<Option<AuthPayload>, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (claims, client) = (claims(ctx)?, ctx.data_unchecked::<ClientInfo>());
        let (sign_in, proof) = (ctx.data_unchecked::<SignIn>(), input.proof.into());
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(sign_in.reauthenticate(claims, &proof, client)).await {
            Ok(signed_in) => AuthPayload::success(ctx, signed_in, input.delivery)?,
            Err(error) => failed(error, "proof")?,
        }))
    }
}
