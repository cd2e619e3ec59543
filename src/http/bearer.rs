use std::sync::Arc;

use axum::http::{HeaderMap, header::AUTHORIZATION};

use super::issuer::{AuthenticatorBuilder, IssuerClient};
use crate::{
    changes::RevocationList,
    graphql::TokenCheck,
    id::SessionId,
    tokens::{Caller, OpaqueTokens, TokenError, Verification, Verifier},
};

/// Authenticates callers by their access tokens. Clones share their keys and caches.
///
/// A service that only verifies tokens builds one with [`Authenticator::builder`]. The server has one with its own keys,
/// and the list of revoked tokens from its change feed.
///
/// The keys of this authenticator come from the metadata of a server:
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::http::{HeaderMap, header::AUTHORIZATION};
/// use portcullis::{Authenticator, Caller, Portcullis, testing::TestServer, tokens::TokenError};
///
/// let server = TestServer::start(Portcullis::builder()).await;
/// let ada = server.sign_in("ada", &[]).await;
///
/// let authenticator = Authenticator::builder().issuer(server.url("")).audience("portcullis").build().await?;
/// let mut headers = HeaderMap::new();
/// assert_eq!(authenticator.authenticate(&headers).await, Caller::Anonymous(TokenError::Missing));
/// headers.insert(AUTHORIZATION, format!("Bearer {}", ada.access_token).parse()?);
/// assert_eq!(authenticator.authenticate(&headers).await.user(), Some(ada.id));
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Authenticator {
    /// Verifies the signature and the claims of a token.
    #[doc(hidden)]
    pub verifier: Arc<Verifier>,
    /// The tokens that were revoked before they expired.
    #[doc(hidden)]
    pub revocations: Arc<RevocationList>,
    /// Fetches what the issuer publishes. `None` if the keys are fixed or the server's own.
    issuer: Option<Arc<IssuerClient>>,
    /// The personal access tokens of the server. Other services accept none.
    opaque: Option<Arc<dyn OpaqueTokens>>,
}

impl Authenticator {
    /// Builds an authenticator for the tokens of an issuer, of which this process knows the URL, the keys, or a shared
    /// secret.
    pub fn builder() -> AuthenticatorBuilder {
        AuthenticatorBuilder::default()
    }

    /// An authenticator that fetches nothing. Its owner provides the keys and the revocations.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(verifier: Arc<Verifier>, revocations: Arc<RevocationList>) -> Self {
        Self { verifier, revocations, issuer: None, opaque: None }
    }

    /// The same authenticator, which also accepts opaque tokens.
    #[cfg(feature = "server")]
    pub(crate) fn with_opaque_tokens(self, tokens: Arc<dyn OpaqueTokens>) -> Self {
        Self { opaque: Some(tokens), ..self }
    }

    /// An authenticator whose keys and status lists are fetched.
    pub(super) fn of_issuer(verifier: Arc<Verifier>, issuer: Option<IssuerClient>) -> Self {
        Self { issuer: issuer.map(Arc::new), ..Self::new(verifier, Arc::default()) }
    }

    /// Authenticates a request by its headers. Never fails: without a valid token the caller is anonymous, with the
    /// reason.
    ///
    /// It waits only for a key or a status list that must be fetched; otherwise it is ready at once.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Caller {
        match authorization(headers) {
            Ok(value) => self.authenticate_header(value).await.unwrap_or_else(Caller::Anonymous),
            Err(error) => Caller::Anonymous(error),
        }
    }

    /// The session of a token that has expired or was revoked, so that the caller can end it.
    #[doc(hidden)]
    #[must_use]
    pub fn expired_session(&self, headers: &HeaderMap, caller: &Caller) -> Option<SessionId> {
        match caller {
            Caller::Anonymous(TokenError::Expired | TokenError::Revoked) => {
                let claims = self.verifier.verify_ignoring_expiry(token(headers).ok()?)?;
                claims.account().and_then(|account| account.session())
            }
            _ => None,
        }
    }

    /// Authenticates a caller by a value in the format of an Authorization header.
    ///
    /// # Errors
    /// If the token is invalid, expired or revoked, or cannot be verified at the moment.
    pub async fn authenticate_header(&self, authorization: &str) -> Result<Caller, TokenError> {
        let token = bearer(authorization)?;
        if let Some(tokens) = self.opaque.as_ref().filter(|tokens| tokens.is_meant_by(token)) {
            return tokens.authenticate(token).await.map(Caller::Authenticated);
        }
        let claims = match (self.verifier.verify_in_memory(token), &self.issuer) {
            (Verification { lacks: Some(document), .. }, Some(issuer)) => {
                // On the heap, because nearly all requests take the other way and need not be as large.
                Box::pin(issuer.verify(&self.verifier, token, document)).await?
            }
            (Verification { outcome, .. }, _) => outcome?,
        };
        if self.revocations.is_revoked(&claims) {
            return Err(TokenError::Revoked);
        }
        Ok(Caller::Authenticated(claims))
    }

    /// The check that guards repeat while the request is executed. Give it to the request as data beside the
    /// [`Caller`]. `None` for an anonymous caller.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
    /// use portcullis::{Caller, Portcullis, guarded, testing::TestServer};
    ///
    /// struct Query;
    ///
    /// #[guarded]
    /// #[Object]
    /// impl Query {
    ///     #[authenticated]
    ///     async fn number(&self) -> Option<i32> {
    ///         Some(42)
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder()).await;
    /// let ada = server.sign_in("ada", &[]).await;
    /// let authenticator = server.portcullis().authenticator();
    /// let header = format!("Bearer {}", ada.access_token);
    /// let caller = authenticator.authenticate_header(&header).await.unwrap_or_else(Caller::Anonymous);
    /// let check = authenticator.token_check(&caller).ok_or("anonymous")?;
    /// assert_eq!(check.check(), Ok(()));
    ///
    /// let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    /// assert!(schema.execute(Request::new("{ number }").data(caller).data(check)).await.is_ok());
    /// assert!(schema.execute("{ number }").await.is_err());
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn token_check(&self, caller: &Caller) -> Option<TokenCheck> {
        matches!(caller, Caller::Authenticated(_)).then(|| self.check_of(caller.clone()))
    }

    pub(super) fn check_of(&self, caller: Caller) -> TokenCheck {
        TokenCheck::new(caller, Arc::clone(&self.verifier), Arc::clone(&self.revocations))
    }
}

/// The one Authorization header of a request.
pub(super) fn authorization(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(TokenError::Missing)?;
    if values.next().is_some() {
        return Err(TokenError::Malformed);
    }
    value.to_str().map_err(|_| TokenError::Malformed)
}

/// The one bearer token of a request (RFC 6750 §2.1).
fn token(headers: &HeaderMap) -> Result<&str, TokenError> {
    bearer(authorization(headers)?)
}

/// Whether a value holds no token: an empty string, or the scheme alone. Clients without a token write either.
pub(super) fn is_blank(authorization: &str) -> bool {
    let value = authorization.trim_matches(WHITESPACE);
    value.is_empty() || value.eq_ignore_ascii_case("bearer")
}

/// Whitespace around a header's value (RFC 9110 §5.6.3). A value that did not come in a header may have it as well.
const WHITESPACE: [char; 2] = [' ', '\t'];

/// The token of a value in the format of an Authorization header.
fn bearer(authorization: &str) -> Result<&str, TokenError> {
    let value = authorization.trim_matches(WHITESPACE);
    let (scheme, token) = value.split_once(' ').ok_or(TokenError::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(TokenError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers<T: AsRef<[u8]>>(values: &[T]) -> HeaderMap {
        let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value.as_ref()).ok());
        values.map(|value| (AUTHORIZATION, value)).collect()
    }

    proptest! {
        #[test]
        fn a_token_is_read_whole_whatever_the_case_of_its_scheme(
            scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]", before in " {1,3}", text in "[!-~]{1,40}", after in " {0,3}",
        ) {
            let headers = headers(&[format!("{scheme}{before}{text}{after}")]);
            prop_assert_eq!(token(&headers), Ok(text.as_str()));
        }

        #[test]
        fn nothing_else_is_a_token(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..3),
            scheme in "[A-Za-z]{0,8} ?",
        ) {
            let values: Vec<_> = values.into_iter().map(|value| [scheme.as_bytes(), &value].concat()).collect();
            let headers = headers(&values);
            match (token(&headers), headers.len()) {
                (Err(error), 0) => prop_assert_eq!(error, TokenError::Missing),
                (Err(error), _) => prop_assert_eq!(error, TokenError::Malformed),
                (Ok(_), count) => {
                    let value = headers[AUTHORIZATION].as_bytes();
                    prop_assert!(count == 1 && value.is_ascii());
                    prop_assert!(value[..7].eq_ignore_ascii_case(b"bearer "));
                }
            }
        }
    }
}
