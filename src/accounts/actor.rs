use sea_orm::{ConnectionTrait, DbErr};

use super::{Account, AccountError, Accounts, store};
use crate::{audit::Actor, id::UserId, tokens::TokenError};

/// The rows that [`Accounts::lock_actor`] has locked until the transaction ends.
pub struct LockedAccounts {
    /// The account of the actor. `None` for the server itself.
    pub actor: Option<Account>,
    /// The account that the actor changes. `None` if there is no such account.
    pub target: Option<Account>,
}

impl Accounts {
    /// Locks the account of the actor, its session or personal access token, and the account that it changes; then
    /// checks that the actor may still act. Each transaction that writes for an actor begins with this.
    ///
    /// A revocation changes one of these rows. So it either waits until this transaction has ended, or has
    /// committed before and is seen here: after it has committed, nothing that its actor does commits.
    /// Accounts are locked in the order of their ids, and before sessions, so that two transactions never
    /// wait for each other.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`] if the account was disabled, deleted or given another password or other
    /// roles since the token was issued, or if the session or the token was revoked.
    pub async fn lock_actor(
        &self,
        transaction: &impl ConnectionTrait,
        actor: Actor<'_>,
        target: Option<UserId>,
    ) -> Result<LockedAccounts, AccountError> {
        if let Actor::Bearer { token: Some(token), .. } = actor {
            token.check().map_err(AccountError::Unauthenticated)?;
        }
        let mut ids: Vec<UserId> = actor.user().into_iter().chain(target).collect();
        ids.sort_unstable_by_key(|id| id.uuid());
        ids.dedup();
        let mut accounts = Vec::with_capacity(ids.len());
        for id in ids {
            accounts.extend(store::lock(transaction, id).await?);
        }
        let find = |id: Option<UserId>| accounts.iter().find(|account| Some(account.id) == id).cloned();
        let locked = LockedAccounts { actor: find(actor.user()), target: find(target) };
        self.check_actor(transaction, actor, locked.actor.as_ref()).await?;
        Ok(locked)
    }

    /// Locks an account until the transaction ends. `None` if there is no such account.
    pub(crate) async fn lock(
        &self,
        transaction: &impl ConnectionTrait,
        id: UserId,
    ) -> Result<Option<Account>, DbErr> {
        store::lock(transaction, id).await
    }

    async fn check_actor(
        &self,
        transaction: &impl ConnectionTrait,
        actor: Actor<'_>,
        account: Option<&Account>,
    ) -> Result<(), AccountError> {
        let account = account.filter(|account| !account.disabled);
        let may_act = match actor {
            Actor::Server => true,
            Actor::Client { user: None, .. } => {
                return Err(AccountError::Unauthenticated(TokenError::Missing));
            }
            Actor::Client { .. } => account.is_some(),
            Actor::Bearer { claims, .. } => match claims.account() {
                Some(token) if account.is_some_and(|own| own.token_version == token.token_version) => {
                    store::lock_source(transaction, token.source, token.user, self.clock.now()).await?
                }
                _ => false,
            },
        };
        if may_act { Ok(()) } else { Err(AccountError::Unauthenticated(TokenError::Revoked)) }
    }
}
