use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{OpenedSession, Session, Sessions};
use crate::{
    accounts::Account,
    clock::Timestamp,
    hooks::TokenAdditions,
    tokens::{Audience, Caller, Claims, KeyringError, Status, TokenAccount, TokenSource},
};

/// The tokens of a session.
#[derive(Clone)]
pub struct TokenPair {
    /// The JWT for the Authorization header.
    pub access: SecretString,
    /// The lifetime of the access token.
    pub access_expires_in: Duration,
    /// The token for the next `refresh`.
    pub refresh: SecretString,
    /// The remaining lifetime of the refresh token.
    pub refresh_expires_in: Duration,
}

/// The result of a sign-in or a refresh.
#[derive(Clone)]
pub struct SignedIn {
    /// The account that signed in.
    pub account: Account,
    /// The session.
    pub session: Session,
    /// The tokens.
    pub tokens: TokenPair,
    /// The caller for the rest of the request: the bearer of the new access token.
    pub caller: Caller,
}

impl Sessions {
    /// Issues the tokens of an open session, with what the application adds to them. Every way to sign in issues its
    /// tokens here.
    ///
    /// # Errors
    /// If no key can sign, or the claims are too large for an access token.
    pub fn issue(
        &self,
        account: Account,
        opened: OpenedSession,
        additions: TokenAdditions,
    ) -> Result<SignedIn, KeyringError> {
        let OpenedSession { session, refresh, status } = opened;
        let now = self.clock.now();
        let claims = self.claims(&account, &session, status, additions);
        let left = |until: Timestamp| (until - now).to_std().unwrap_or_default();
        let tokens = TokenPair {
            access: self.keyring.sign(&claims)?.into(),
            access_expires_in: self.config.tokens.access_ttl,
            refresh: self.codec.encode(&refresh),
            refresh_expires_in: left(session.expires_at),
        };
        Ok(SignedIn { account, session, tokens, caller: Caller::Authenticated(Arc::new(claims)) })
    }

    fn claims(
        &self,
        account: &Account,
        session: &Session,
        status: Option<Status>,
        additions: TokenAdditions,
    ) -> Claims {
        let mut scope = self.accounts.scopes(&account.roles);
        if !additions.scopes.is_empty() {
            scope = scope.iter().map(ToOwned::to_owned).chain(additions.scopes).collect();
        }
        let mut custom = account.custom_claims(&self.config.tokens);
        custom.extend(additions.claims);
        let issued_at = self.clock.now().timestamp();
        let lives = i64::try_from(self.config.tokens.access_ttl.as_secs()).unwrap_or(i64::MAX);
        Claims {
            iss: self.config.issuer(),
            aud: Audience::One(self.config.tokens.audience.clone()),
            sub: account.id.to_string(),
            sid: Some(session.id.to_string()),
            pat: None,
            jti: Some(self.clock.uuid().to_string()),
            iat: issued_at,
            exp: issued_at.saturating_add(lives),
            auth_time: Some(session.authentication.at.timestamp()),
            acr: Some(session.authentication.class().to_owned()),
            amr: session.authentication.references(),
            scope,
            roles: account.roles.clone(),
            username: account.username.clone(),
            token_version: Some(account.token_version),
            status,
            kid: String::new(),
            is_opaque: false,
            account: Some(TokenAccount {
                user: account.id,
                source: TokenSource::Session(session.id),
                token_version: account.token_version,
            }),
            custom,
        }
    }
}
