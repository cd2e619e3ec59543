use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};

use crate::{
    changes::Revocations,
    id::SessionId,
    tokens::{Caller, Rejection, Verifier},
};

/// What it takes to know a caller: the verifier and the list of revoked tokens.
#[derive(Clone)]
pub struct Gate {
    /// Tells whether a token is genuine.
    pub verifier: Arc<Verifier>,
    /// Tells whether it has been revoked since.
    pub revocations: Arc<Revocations>,
}

impl Gate {
    /// Who bears these headers. Never refuses: who has no valid token is anonymous, with the reason.
    #[must_use]
    pub fn caller(&self, headers: &HeaderMap) -> Caller {
        match self.verify(headers) {
            Ok(caller) => caller,
            Err(rejection) => Caller::Anonymous(rejection),
        }
    }

    /// The session of a token that has expired or was revoked, so that its bearer can end it.
    #[must_use]
    pub fn void_session(&self, headers: &HeaderMap, caller: &Caller) -> Option<SessionId> {
        match caller {
            Caller::Anonymous(Rejection::Expired | Rejection::Revoked) => {
                self.verifier.read_void(token(headers).ok()?).map(|claims| claims.sid)
            }
            _ => None,
        }
    }

    fn verify(&self, headers: &HeaderMap) -> Result<Caller, Rejection> {
        let claims = self.verifier.verify(token(headers)?)?;
        if self.revocations.is_void(&claims) {
            return Err(Rejection::Revoked);
        }
        Ok(Caller::Authenticated(claims))
    }
}

/// The one bearer token of a request (RFC 6750 §2.1).
fn token(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::Malformed);
    }
    let value = value.to_str().map_err(|_| Rejection::Malformed)?;
    let (scheme, token) = value.split_once(' ').ok_or(Rejection::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(Rejection::Malformed)
    }
}

/// Extracts the caller in any axum handler whose state has a [`Gate`].
impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Gate: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Gate::from_ref(state).caller(&parts.headers))
    }
}
