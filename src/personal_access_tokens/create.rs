use sea_orm::DbErr;
use secrecy::{ExposeSecret, SecretString};

use super::{
    KEPT_AFTER_END, MAX_TOKENS_PER_ACCOUNT, PersonalAccessToken, PersonalAccessTokens, secret, store,
};
use crate::{
    accounts::AccountError,
    audit::{Actor, AuditAction, NewEvent},
    clock::Timestamp,
    id::PersonalAccessTokenId,
    mail::MessageKind,
    tokens::{Scopes, TokenError},
};

/// The maximum number of characters of a name.
const MAX_NAME_CHARS: usize = 64;

/// A token to create.
pub struct NewToken {
    /// The name, as the owner writes it.
    pub name: String,
    /// The scopes. Without any, the token serves fields that only require sign-in.
    pub scopes: Vec<String>,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// A token that was created.
pub struct CreatedToken {
    /// The token itself. The server does not keep it.
    pub secret: SecretString,
    /// The record of the token.
    pub token: PersonalAccessToken,
}

/// An error of creating a token.
#[derive(Debug, thiserror::Error)]
pub enum CreateTokenError {
    /// A part of the input is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The account has as many tokens as it may have.
    #[error("an account has at most {MAX_TOKENS_PER_ACCOUNT} personal access tokens; revoke one first")]
    LimitReached,
    /// The actor may not create one.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl PersonalAccessTokens {
    /// Creates a token for the actor, who must have signed in.
    ///
    /// # Errors
    /// [`CreateTokenError`].
    pub async fn create(&self, new: NewToken, actor: Actor<'_>) -> Result<CreatedToken, CreateTokenError> {
        let Actor::Bearer { claims, .. } = actor else {
            return Err(AccountError::Unauthenticated(TokenError::Missing).into());
        };
        let owner = claims.account().filter(|account| account.session().is_some());
        let owner = owner.ok_or(AccountError::Unauthenticated(TokenError::Invalid))?;
        let (name, scopes) = self.check(&new, &claims.scope)?;

        let secret = secret::generate();
        let hash = secret::hash(secret.expose_secret()).expect("a generated token has its checksum");
        let token = PersonalAccessToken {
            id: PersonalAccessTokenId::generate(&self.clock),
            user: owner.user,
            name,
            scopes,
            hint: secret::hint(&secret),
            created_at: self.clock.now(),
            expires_at: new.expires_at,
            last_used_at: None,
        };
        let transaction = self.database.begin_short().await?;
        // The row of the account stays locked, so concurrent requests cannot exceed the maximum together.
        let locked = self.accounts.lock_actor(&transaction, actor, None).await?;
        if store::count(&transaction, token.user, self.clock.now()).await? >= MAX_TOKENS_PER_ACCOUNT {
            transaction.rollback().await?;
            return Err(CreateTokenError::LimitReached);
        }
        store::insert(&transaction, &token, &hash, token.expires_at + KEPT_AFTER_END).await?;
        let (action, user) = (AuditAction::TokenCreated, Some(token.user));
        self.audit.record(&transaction, NewEvent { action, user, session: None, actor }).await?;
        if let Some(owner) = locked.actor {
            self.accounts.send_notice(&transaction, MessageKind::TokenCreated, &owner, actor).await?;
        }
        self.feed.commit(transaction, &[]).await?;
        self.mail.wake();
        Ok(CreatedToken { secret, token })
    }

    /// Checks the input. Returns the name without spaces around it, and the scopes.
    fn check(&self, new: &NewToken, owned: &Scopes) -> Result<(String, Scopes), CreateTokenError> {
        let invalid = |message: String| Err(CreateTokenError::Invalid(message));
        let name = new.name.trim();
        let has_length =
            name.len() <= 4 * MAX_NAME_CHARS && (1..=MAX_NAME_CHARS).contains(&name.chars().count());
        if !has_length || name.chars().any(char::is_control) {
            return invalid(format!("input.name must have 1 to {MAX_NAME_CHARS} characters on one line."));
        }
        if let Some(scope) = new.scopes.iter().find(|scope| !owned.contains(scope)) {
            return invalid(format!("input.scopes must be scopes that you have. You do not have {scope:?}."));
        }
        let (now, max) = (self.clock.now(), self.config.tokens.personal_max_lifetime);
        if new.expires_at <= now || new.expires_at > now + max {
            let days = max.as_secs() / (24 * 60 * 60);
            return invalid(format!("input.expiresAt must be in the future, at most {days} days from now."));
        }
        Ok((name.to_owned(), new.scopes.iter().map(String::as_str).collect()))
    }
}
