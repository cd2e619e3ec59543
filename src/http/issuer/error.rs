use std::{error::Error, io};

use crate::tokens::{JwkError, StatusListTokenError};

/// An error of building an [`Authenticator`](crate::http::Authenticator).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Authenticator, http::BuildError};
///
/// let built = Authenticator::builder().audience("shop").build().await;
/// assert!(matches!(built, Err(BuildError::NoIssuer)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `issuer` was not called.
    #[error("name the issuer of the tokens: .issuer(\"https://…\")")]
    NoIssuer,
    /// `audience` was not called.
    #[error("name the audience of the tokens: .audience(\"…\")")]
    NoAudience,
    /// Without the feature `client`, the keys cannot be fetched.
    #[error("give the keys of the issuer, or enable the feature `client`, which fetches them")]
    NoKeys,
    /// The shared secret is too short for HS256 (RFC 7518 §3.2).
    #[error("a shared secret has at least 32 bytes")]
    ShortSecret,
    /// A URL is not absolute, or neither `https` nor on this machine.
    #[error("{0:?} is not an https URL; http is possible on this machine only")]
    Url(String),
    /// The TLS client cannot be set up.
    #[cfg(feature = "client")]
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// The keys are invalid.
    #[error("the keys cannot verify tokens")]
    Keys(#[source] Box<dyn Error + Send + Sync>),
    /// The keys cannot be fetched.
    #[error("the keys of the issuer cannot be loaded")]
    Issuer(#[source] Box<dyn Error + Send + Sync>),
}

#[doc(hidden)]
impl From<JwkError> for BuildError {
    fn from(error: JwkError) -> Self {
        Self::Keys(Box::new(error))
    }
}

#[doc(hidden)]
impl From<IssuerError> for BuildError {
    fn from(error: IssuerError) -> Self {
        Self::Issuer(Box::new(error))
    }
}

/// An error of loading a document of the issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(#[from] io::Error),
    /// The request failed, or took too long.
    #[cfg(feature = "client")]
    #[error("the request failed: {0:?}")]
    Http(#[from] reqwest::Error),
    /// The response has another status than 200.
    #[cfg(feature = "client")]
    #[error("the status of the response is {0}")]
    Status(reqwest::StatusCode),
    /// The file or the response is larger than the maximum.
    #[error("the document has more than {0} bytes")]
    TooLarge(usize),
    /// The metadata of the issuer is malformed, or is that of another issuer (RFC 8414 §3.3).
    #[error("the metadata is malformed, or that of another issuer")]
    Metadata,
    /// A URL that the metadata or a token names must not be fetched.
    #[error("{0:?} is not an https URL of a permitted origin")]
    ForbiddenUrl(String),
    /// The key set is invalid.
    #[error(transparent)]
    Keys(#[from] JwkError),
    /// The status list is invalid.
    #[error(transparent)]
    StatusList(#[from] StatusListTokenError),
    /// The keys are fixed, or the authenticator does not check the status of tokens.
    #[error("the authenticator does not load this document")]
    NotLoaded,
}
