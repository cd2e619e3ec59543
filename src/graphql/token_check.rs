use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    changes::RevocationList,
    tokens::{TokenError, Verifier},
};

/// The access token of a request, checked again while the request is executed. A request can outlive its
/// token: it waits for other fields, for operations of its batch, or for the hashing queue.
///
/// The check reads memory only: the expiry of the token, the revocation list and the published keys.
#[derive(Clone)]
pub struct TokenCheck {
    token: Arc<SecretString>,
    verifier: Arc<Verifier>,
    revocations: Arc<RevocationList>,
}

impl TokenCheck {
    /// The check of a token that was valid when the request began.
    #[must_use]
    pub fn new(token: &str, verifier: Arc<Verifier>, revocations: Arc<RevocationList>) -> Self {
        Self { token: Arc::new(token.into()), verifier, revocations }
    }

    /// The length of the token, in bytes. Clones share its memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.token.expose_secret().len()
    }

    /// Checks that the token is still valid.
    ///
    /// # Errors
    /// The reason why it is not.
    pub fn check(&self) -> Result<(), TokenError> {
        let claims = self.verifier.verify(self.token.expose_secret())?;
        if self.revocations.is_revoked(&claims) { Err(TokenError::Revoked) } else { Ok(()) }
    }
}

impl fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCheck").finish_non_exhaustive()
    }
}
