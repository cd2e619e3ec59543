//! The GraphQL mutations that complete a sign-in with a second factor.

use async_graphql::{Context, InputObject, Object, OneofObject};
use secrecy::SecretString;

use super::{
    SignIn,
    email::{EmailChallengePayload, EmailCodeInput},
    failed,
};
use crate::{
    client::ClientInfo,
    graphql::{ApiError, guarded},
    passkeys::graphql::AuthenticationResponseJson,
    sessions::graphql::{AuthPayload, TokenDelivery},
    sign_in::{FactorProof, SecondStep, TrustDevice},
};

/// A proof of a second factor. Exactly one field.
#[derive(OneofObject)]
enum SecondFactorInput {
    /// The code of six digits that your authenticator app shows.
    Totp(SecretString),
    /// One of your recovery codes, which is then used.
    RecoveryCode(SecretString),
    /// The response of the authenticator to `challenge.passkeyOptions`: the `toJSON()` of the credential.
    Passkey(AuthenticationResponseJson),
    /// The code of the message that `requestSecondFactorEmail` has sent.
    EmailCode(EmailCodeInput),
}

impl SecondFactorInput {
    /// The proof, for the challenge of a sign-in.
    fn into_proof(self, challenge: &SecretString) -> FactorProof {
        match self {
            Self::Totp(code) => FactorProof::Totp(code),
            Self::RecoveryCode(code) => FactorProof::RecoveryCode(code),
            Self::Passkey(response) => {
                FactorProof::Passkey { challenge: challenge.clone(), response: response.0 }
            }
            Self::EmailCode(input) => input.into(),
        }
    }
}

/// The input of the `verifySecondFactor` mutation.
#[derive(InputObject)]
struct VerifySecondFactorInput {
    /// The `challenge.token` of the sign-in, which lives for 5 minutes, or 15 with an `enrolment`, and permits 5 attempts.
    challenge: SecretString,
    /// The proof of the second factor.
    factor: SecondFactorInput,
    /// Whether to trust this device, so that your next sign-ins on it need no second factor. Ignored if the server trusts
    /// no devices, and with a recovery code or a code by e-mail.
    #[graphql(default)]
    trust_device: bool,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `requestSecondFactorEmail` mutation.
#[derive(InputObject)]
struct RequestSecondFactorEmailInput {
    /// The `challenge.token` of the sign-in.
    challenge: SecretString,
}

/// The mutations that complete a sign-in.
#[derive(Default)]
pub struct SecondFactorMutation;

#[guarded]
#[Object]
impl SecondFactorMutation {
    /// Signs you in after a mutation has answered `SECOND_FACTOR_REQUIRED`, from the same device and network. If the
    /// challenge has an `enrolment`, the first code of the new authenticator app adds it to your account.
    async fn verify_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The challenge of the sign-in, and the second factor.")]
        input: VerifySecondFactorInput,
    ) -> Result<AuthPayload, ApiError> {
        input.delivery.ensure_supported(ctx)?;
        let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
        let factor = input.factor.into_proof(&input.challenge);
        let trust = if input.trust_device { TrustDevice::Yes } else { TrustDevice::No };
        // On the heap, because the future of an object is as large as that of its largest field.
        let verified = sign_in.verify_second_factor(&input.challenge, &factor, trust, client);
        match Box::pin(verified).await {
            Ok(SecondStep { signed_in, recovery_codes, device }) => {
                let payload = AuthPayload::success(ctx, signed_in, input.delivery)?;
                payload.with_recovery_codes(recovery_codes).with_trusted_device(ctx, device, input.delivery)
            }
            Err(error) => failed(error, "factor"),
        }
    }
    /// Sends a code to the e-mail address of your account, as a second factor. Only if the `methods` of the sign-in have
    /// `EMAIL_CODE`.
    async fn request_second_factor_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The challenge of the sign-in.")] input: RequestSecondFactorEmailInput,
    ) -> Result<EmailChallengePayload, ApiError> {
        let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
        let sent = Box::pin(sign_in.request_second_factor_email(&input.challenge, client)).await;
        EmailChallengePayload::of(sent)
    }
}
