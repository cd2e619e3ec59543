use std::{sync::Arc, time::Duration};

use sea_orm::DbErr;
use secrecy::{ExposeSecret, SecretString};

use super::PersonalAccessTokens;
use crate::{
    accounts::Account,
    tokens::{Caller, Claims, KeyringError, TokenError},
};

/// The maximum lifetime of an access token for which a personal access token was exchanged. Other services learn of a
/// revocation only by its expiry, because it has no place in a status list.
const MAX_LIFETIME: Duration = Duration::from_mins(5);

/// An access token for which a personal access token was exchanged.
pub struct ExchangedToken {
    /// The access token, a JWT.
    pub access: SecretString,
    /// Its lifetime.
    pub expires_in: Duration,
    /// The owner of the personal access token.
    pub account: Arc<Account>,
    /// The caller for the rest of the request: the bearer of the access token.
    pub caller: Caller,
}

/// An error of an exchange.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The personal access token is not valid.
    #[error("{}", .0.message())]
    Token(TokenError),
    /// No access token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl PersonalAccessTokens {
    /// Exchanges a token for a short-lived access token, for services that verify tokens by the published keys. It
    /// has the same scopes, no session and no refresh token.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn exchange(&self, token: &SecretString) -> Result<ExchangedToken, ExchangeError> {
        let claims = self.authenticate(token.expose_secret()).await.map_err(ExchangeError::Token)?;
        let user = claims.account().ok_or(ExchangeError::Token(TokenError::Invalid))?.user;
        let account = self.accounts.find(user).await?.ok_or(ExchangeError::Token(TokenError::Revoked))?;
        let issued_at = self.clock.now().timestamp();
        let lifetime = MAX_LIFETIME.min(self.config.tokens.access_ttl).as_secs();
        let lifetime = i64::try_from(lifetime).unwrap_or(i64::MAX).min(claims.exp - issued_at);
        let claims = Claims {
            jti: Some(self.clock.uuid().to_string()),
            iat: issued_at,
            exp: issued_at + lifetime,
            is_opaque: false,
            ..Claims::clone(&claims)
        };
        Ok(ExchangedToken {
            access: self.keyring.sign(&claims)?.into(),
            expires_in: Duration::from_secs(lifetime.try_into().unwrap_or_default()),
            account,
            caller: Caller::Authenticated(Arc::new(claims)),
        })
    }
}
