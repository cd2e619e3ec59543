//! The GraphQL mutations that authenticate a user again (step-up authentication).

use async_graphql::{Context, InputObject, Object, OneofObject, SimpleObject};
use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, failed};
use crate::{
    client::ClientInfo,
    graphql::{ApiError, UserError, account_and_session, claims, guarded},
    passwords::PasswordAttempt,
    second_factors::Factor,
    sessions::{
        AuthenticationMethod,
        graphql::{AuthPayload, TokenDelivery},
    },
    sign_in::Reauthentication,
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
}

impl From<ReauthenticationProof> for Reauthentication {
    fn from(proof: ReauthenticationProof) -> Self {
        match proof {
            ReauthenticationProof::Password(password) => {
                Self::Password(PasswordAttempt::new(password.expose_secret()))
            }
            ReauthenticationProof::Totp(code) => Self::Factor(Factor::Totp(code)),
            ReauthenticationProof::RecoveryCode(code) => Self::Factor(Factor::RecoveryCode(code)),
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
#[derive(SimpleObject)]
struct StartReauthenticationPayload {
    /// The ways to authenticate again, the strongest first. Empty if there are errors.
    methods: Vec<AuthenticationMethod>,
    /// The errors that made the mutation fail. Empty if it succeeded.
    errors: Vec<UserError>,
}

/// The mutations that authenticate a user again.
#[derive(Default)]
pub struct ReauthenticationMutation;

#[guarded]
#[Object]
impl ReauthenticationMutation {
    /// Names the ways in which you can authenticate again with reauthenticate.
    #[authenticated]
    async fn start_reauthentication(
        &self,
        ctx: &Context<'_>,
    ) -> Result<Option<StartReauthenticationPayload>, ApiError> {
        account_and_session(ctx)?;
        let sign_in = ctx.data_unchecked::<SignIn>();
        Ok(Some(match Box::pin(sign_in.reauthentication_methods(claims(ctx)?)).await {
            Ok(methods) => StartReauthenticationPayload { methods, errors: Vec::new() },
            Err(error) => {
                let errors = vec![error.into_user_error("proof")?];
                StartReauthenticationPayload { methods: Vec::new(), errors }
            }
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
