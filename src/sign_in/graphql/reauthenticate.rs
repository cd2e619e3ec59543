//! The GraphQL mutation that authenticates a user again (step-up authentication).

use async_graphql::{Context, InputObject, Object, OneofObject};
use secrecy::{ExposeSecret, SecretString};

use super::SignIn;
use crate::{
    client::ClientInfo,
    graphql::{ApiError, claims, guarded},
    passwords::PasswordAttempt,
    sessions::graphql::{AuthPayload, TokenDelivery},
};

/// A proof that you are the user of the session. Exactly one field.
#[derive(OneofObject)]
enum ReauthenticationProof {
    /// The password of your account.
    Password(SecretString),
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

/// The mutation that authenticates a user again.
#[derive(Default)]
pub struct ReauthenticationMutation;

#[guarded]
#[Object]
impl ReauthenticationMutation {
    /// Proves again that you are the user of your session, for fields with `@requiresRecentLogin`. The session continues
    /// with the new tokens in the payload, whose claims `auth_time`, `acr` and `amr` describe this proof; its previous
    /// refresh token becomes invalid.
    #[authenticated]
    async fn reauthenticate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof, and the delivery of the tokens.")] input: ReauthenticateInput,
    ) -> Result<Option<AuthPayload>, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (claims, client) = (claims(ctx)?, ctx.data_unchecked::<ClientInfo>());
        let ReauthenticationProof::Password(password) = input.proof;
        let password = PasswordAttempt::new(password.expose_secret());
        let sign_in = ctx.data_unchecked::<SignIn>();
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(sign_in.reauthenticate(claims, &password, client)).await {
            Ok(signed_in) => AuthPayload::success(ctx, signed_in, input.delivery)?,
            Err(error) => AuthPayload::failure(vec![error.into_user_error("proof")?]),
        }))
    }
}
