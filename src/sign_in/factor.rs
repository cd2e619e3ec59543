use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;

use super::{SignIn, SignInError};
use crate::{
    audit::{Actor, AuditAction, NewEvent},
    client::ClientInfo,
    id::UserId,
    passkeys::{Challenge, PasskeyError},
    proofs::{InvalidProof, Purpose},
    second_factors::Factor,
};

/// A proof of a second factor, as the client sends it.
pub enum FactorProof {
    /// A code of the authenticator app.
    Totp(SecretString),
    /// A recovery code.
    RecoveryCode(SecretString),
    /// The response of an authenticator.
    Passkey {
        /// The text that the client received with the options.
        challenge: SecretString,
        /// The response, as JSON.
        response: Json,
    },
    /// A code that was sent by e-mail.
    EmailCode {
        /// The text that the client received when it requested the message.
        challenge: SecretString,
        /// The code.
        code: SecretString,
    },
}

impl SignIn {
    /// Verifies the proof of a factor of an account, without using it. `challenge` is the one that a passkey must have
    /// signed. The attempt is counted before.
    ///
    /// # Errors
    /// [`SignInError::Passkey`], or [`SignInError::Proof`] for a code by e-mail. The audit log records both.
    pub(super) async fn verify_factor(
        &self,
        user: UserId,
        proof: &FactorProof,
        challenge: Option<Challenge>,
        client: &ClientInfo,
        actor: Actor<'_>,
    ) -> Result<Factor, SignInError> {
        let verified = match proof {
            FactorProof::Totp(code) => return Ok(Factor::Totp(code.clone())),
            FactorProof::RecoveryCode(code) => return Ok(Factor::RecoveryCode(code.clone())),
            FactorProof::Passkey { response, .. } => {
                let challenge = challenge.ok_or(PasskeyError::InvalidChallenge)?;
                let verified = self.passkeys.check(challenge, response, Some(user), client).await;
                verified.map(Factor::Passkey).map_err(SignInError::from)
            }
            FactorProof::EmailCode { challenge, code } => {
                let (challenge, code) = (challenge.expose_secret(), code.expose_secret());
                let verified = self.proofs.check_code(Purpose::SecondFactor, challenge, code).await;
                verified.map(Factor::EmailCode).map_err(SignInError::from)
            }
        };
        if let Err(
            SignInError::Passkey(PasskeyError::Rejected { .. }) | SignInError::Proof(InvalidProof::WrongCode),
        ) = &verified
        {
            let action = AuditAction::SecondFactorFailed;
            let new_event = NewEvent { action, user: Some(user), session: None, actor };
            self.audit.record_standalone(new_event).await?;
        }
        verified
    }
}
