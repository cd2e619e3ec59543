use std::{fmt, sync::Arc, time::Duration};

use crate::{
    changes::RevocationList,
    tokens::{Caller, Claims, TokenError, Verifier},
};

/// The access token of a request, checked again while the request is executed. A request can outlive its
/// token: it waits for other fields, for operations of its batch, or for the hashing queue.
///
/// The check reads memory only: the expiry of the token, the revocation list and the published keys. It neither
/// hashes the token nor verifies its signature again, because every guarded field makes this check.
///
/// It contains the [`Caller`], so it is all that a request needs as data.
#[derive(Clone)]
pub struct TokenCheck {
    caller: Caller,
    verifier: Arc<Verifier>,
    revocations: Arc<RevocationList>,
}

impl TokenCheck {
    /// The check of a caller whose token this verifier has verified. The check of an anonymous caller always fails.
    pub(crate) const fn new(
        caller: Caller,
        verifier: Arc<Verifier>,
        revocations: Arc<RevocationList>,
    ) -> Self {
        Self { caller, verifier, revocations }
    }

    /// The caller as of the beginning of the request.
    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Checks that the token is still valid.
    ///
    /// # Errors
    /// The reason why it is not.
    pub fn check(&self) -> Result<(), TokenError> {
        let claims = match &self.caller {
            Caller::Authenticated(claims) => claims,
            Caller::Anonymous(error) => return Err(*error),
        };
        self.verifier.check_again(claims)?;
        if self.revocations.is_revoked(claims) { Err(TokenError::Revoked) } else { Ok(()) }
    }

    /// Whether the login of these claims was at most `max_age` ago, by the clock of the verifier.
    pub(crate) fn is_login_within(&self, claims: &Claims, max_age: Duration) -> bool {
        self.verifier.is_login_within(claims, max_age)
    }
}

impl fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCheck").finish_non_exhaustive()
    }
}
