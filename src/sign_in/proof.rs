use secrecy::{ExposeSecret, SecretString};

use super::{SignIn, SignInError};
use crate::{
    accounts::Account,
    database::Transaction,
    proofs::{InvalidProof, Proof, Purpose},
    sessions::AuthenticationMethod,
};

/// The link or the code with which a person proves a mailbox.
pub enum EmailProof {
    /// The token of the link.
    Token(SecretString),
    /// The code, with the challenge that the client got when it requested the message.
    Code {
        /// The challenge.
        challenge: SecretString,
        /// The code.
        code: SecretString,
    },
}

impl EmailProof {
    /// The way in which the person proves who they are.
    pub(super) const fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Token(_) => AuthenticationMethod::EmailLink,
            Self::Code { .. } => AuthenticationMethod::EmailCode,
        }
    }
}

impl SignIn {
    /// Finds the valid proof, without using it.
    pub(super) async fn check_proof(
        &self,
        purpose: Purpose,
        proof: &EmailProof,
    ) -> Result<Proof, SignInError> {
        Ok(match proof {
            EmailProof::Token(token) => self.proofs.check_token(purpose, token.expose_secret()).await?,
            EmailProof::Code { challenge, code } => {
                self.proofs.check_code(purpose, challenge.expose_secret(), code.expose_secret()).await?
            }
        })
    }

    /// Begins the transaction of what a proof permits: locks the account and uses the proof.
    pub(super) async fn begin_with(&self, proof: &Proof) -> Result<(Transaction, Account), SignInError> {
        let transaction = self.database.begin_short().await?;
        let account = self.accounts.lock(&transaction, proof.user).await?;
        match account.filter(|account| !account.disabled) {
            Some(account) if self.proofs.consume(&transaction, proof).await? => Ok((transaction, account)),
            _ => {
                transaction.rollback().await?;
                Err(InvalidProof::Unknown.into())
            }
        }
    }
}
