use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    PersonalAccessToken, PersonalAccessTokens,
    cache::{KnownToken, USE_INTERVAL},
    secret::{self, TokenHash},
    store::{self, FoundToken},
};
use crate::{
    accounts::Account,
    hooks::TokenAdditions,
    tokens::{Audience, Claims, OpaqueTokens, Scopes, TokenAccount, TokenError, TokenSource},
};

impl OpaqueTokens for PersonalAccessTokens {
    fn is_meant_by(&self, token: &str) -> bool {
        secret::has_prefix(token)
    }

    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Claims>, TokenError>> {
        Box::pin(Self::authenticate(self, token))
    }
}

impl PersonalAccessTokens {
    /// Authenticates a bearer token. It reads the database only if the token has the right checksum and is not cached.
    ///
    /// # Errors
    /// [`TokenError::Invalid`], [`TokenError::Expired`], [`TokenError::Revoked`], or [`TokenError::Unverifiable`] if
    /// the database fails or too many tokens are being looked up.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let hash = secret::hash(token).ok_or(TokenError::Invalid)?;
        let known = match self.cached(&hash) {
            Some(cached) => cached?,
            // On the heap, because nearly all requests take the other way and need not be as large.
            None => Box::pin(self.look_up(hash)).await?,
        };
        if known.claims.exp <= self.clock.now().timestamp() {
            return Err(TokenError::Expired);
        }
        if known.is_use_due(self.clock.now()) {
            self.record_use(&known);
        }
        Ok(Arc::clone(&known.claims))
    }

    /// The cached token. `None` if it must be looked up, also because it or its account has changed.
    fn cached(&self, hash: &TokenHash) -> Option<Result<Arc<KnownToken>, TokenError>> {
        let cached = self.cache.get(hash)?;
        match &cached {
            Ok(known) if self.revocations.is_revoked(&known.claims) => {
                self.cache.forget(hash);
                None
            }
            _ => Some(cached),
        }
    }

    async fn look_up(&self, hash: TokenHash) -> Result<Arc<KnownToken>, TokenError> {
        let Some(_permit) = self.cache.permit().await else {
            tracing::warn!("too many personal access tokens are being looked up");
            return Err(TokenError::Unverifiable);
        };
        // Another request may have looked it up while this one waited.
        if let Some(cached) = self.cached(&hash) {
            return cached;
        }
        let refuse = |error| {
            self.cache.refuse(hash, error);
            Err(error)
        };
        let found = match store::find_by_hash(self.database.reader(), &hash).await {
            Ok(Some(FoundToken { is_revoked: true, .. })) => return refuse(TokenError::Revoked),
            Ok(Some(found)) => found.token,
            Ok(None) => return refuse(TokenError::Invalid),
            Err(error) => return Err(unverifiable(&error)),
        };
        if found.expires_at <= self.clock.now() {
            return refuse(TokenError::Expired);
        }
        let claims = self.claims(&found).await?;
        // The account may have changed while it was read. The next request reads it again.
        if self.revocations.is_revoked(&claims) {
            return Err(TokenError::Revoked);
        }
        let known = Arc::new(KnownToken::new(found.id, claims, found.last_used_at));
        self.cache.insert(hash, Arc::clone(&known));
        Ok(known)
    }

    /// The claims of a token as of now: what its owner has given it, as far as the owner has it.
    async fn claims(&self, token: &PersonalAccessToken) -> Result<Claims, TokenError> {
        let account = self.accounts.find(token.user).await.map_err(|error| unverifiable(&error))?;
        let is_active = |account: &Arc<Account>| !account.disabled && account.deletion_at.is_none();
        let account = account.filter(is_active).ok_or(TokenError::Revoked)?;
        // Otherwise a user could create a token in the grace period, and never add a factor.
        let is_overdue = self.accounts.is_factor_overdue(self.database.writer(), &account).await;
        if is_overdue.map_err(|error| unverifiable(&error))? {
            return Err(TokenError::Revoked);
        }
        let additions = self.accounts.hooks().token_additions(&account.token_owner()).await;
        let TokenAdditions { scopes, claims, .. } = additions.map_err(|error| unverifiable(&error))?;
        let roles = self.accounts.scopes(&account.roles);
        let is_owned = |scope: &str| roles.contains(scope) || scopes.iter().any(|own| own == scope);
        let scope: Scopes = token.scopes.iter().filter(|scope| is_owned(scope)).collect();
        let mut custom = account.custom_claims(&self.config.tokens);
        custom.extend(claims);
        Ok(Claims {
            iss: self.config.issuer(),
            aud: Audience::One(self.config.tokens.audience.clone()),
            sub: account.id.to_string(),
            sid: None,
            pat: Some(token.id.to_string()),
            jti: Some(token.id.to_string()),
            iat: token.created_at.timestamp(),
            exp: token.expires_at.timestamp(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            scope,
            // A role could grant what the owner has not given to the token (least privilege).
            roles: Vec::new(),
            username: account.username.clone(),
            token_version: Some(account.token_version),
            status: None,
            kid: String::new(),
            is_opaque: true,
            account: Some(TokenAccount {
                user: account.id,
                source: TokenSource::PersonalAccessToken(token.id),
                token_version: account.token_version,
            }),
            custom,
        })
    }

    /// Records a use, beside the request. Several replicas together record one use in a minute.
    fn record_use(&self, known: &KnownToken) {
        let (database, id, now) = (self.database.clone(), known.id, self.clock.now());
        self.tasks.spawn(async move {
            let recorded = store::record_use(database.writer(), id, now, now - USE_INTERVAL).await;
            if let Err(error) = recorded {
                tracing::warn!(%error, token = %id, "cannot record the use of a personal access token");
            }
        });
    }
}

fn unverifiable(error: &dyn std::error::Error) -> TokenError {
    tracing::warn!(%error, "cannot look up a personal access token");
    TokenError::Unverifiable
}
