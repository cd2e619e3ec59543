use std::time::Duration;

use sea_orm::DbErr;

use super::{
    Proof, Proofs, Purpose,
    digits::{is_code, typed_digits},
    store,
};
use crate::{limits::Decision, secret::hash_token};

/// The wrong codes that a challenge permits.
const MAX_ATTEMPTS: i32 = 5;

/// Why a link or a code proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidProof {
    /// The link or the challenge is unknown, was used or voided, has expired, or permits no further code.
    #[error("the link or the challenge is unknown, used or expired")]
    Unknown,
    /// The code is wrong.
    #[error("the code is wrong")]
    WrongCode,
    /// Too many codes were tried for the address.
    #[error("too many codes were tried for the address")]
    RateLimited {
        /// The time to wait before the next attempt.
        retry_after: Duration,
    },
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl Proofs {
    /// Finds the valid proof with this token, without using it.
    ///
    /// # Errors
    /// [`InvalidProof::Unknown`], or if a database query fails.
    pub async fn check_token(&self, purpose: Purpose, token: &str) -> Result<Proof, InvalidProof> {
        let hash = hash_token(token).ok_or(InvalidProof::Unknown)?;
        let found = store::find_by_token(self.database.reader(), purpose, hash, self.clock.now()).await?;
        found.ok_or(InvalidProof::Unknown)
    }

    /// Finds the valid proof with this challenge and code, without using it. A wrong code counts for the challenge and
    /// for the address. The correct one does not.
    ///
    /// # Errors
    /// [`InvalidProof`].
    pub async fn check_code(
        &self,
        purpose: Purpose,
        challenge: &str,
        code: &str,
    ) -> Result<Proof, InvalidProof> {
        let hash = hash_token(challenge).ok_or(InvalidProof::Unknown)?;
        let digits = typed_digits(code).ok_or(InvalidProof::WrongCode)?;
        let now = self.clock.now();
        let reader = self.database.reader();
        let address = store::address_of_challenge(reader, purpose, hash.clone(), now).await?;
        let address = address.ok_or(InvalidProof::Unknown)?;
        let attempt = match self.throttle.try_code(&address).await? {
            Decision::Allowed(attempt) => attempt,
            Decision::Refused { retry_after, .. } => return Err(InvalidProof::RateLimited { retry_after }),
        };
        let transaction = self.database.begin_short().await?;
        let locked = store::lock_by_challenge(&transaction, purpose, hash, MAX_ATTEMPTS, now).await?;
        let Some(locked) = locked else {
            transaction.rollback().await?;
            return Err(InvalidProof::Unknown);
        };
        let is_correct = is_code(&self.code_keys, challenge, &digits, &locked.code_hash);
        match locked.proof.filter(|_| is_correct) {
            Some(proof) => {
                transaction.rollback().await?;
                self.throttle.refund(&attempt).await?;
                Ok(proof)
            }
            None => {
                store::count_attempt(&transaction, locked.id).await?;
                transaction.commit().await?;
                Err(InvalidProof::WrongCode)
            }
        }
    }
}
