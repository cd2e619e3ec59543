//! The policy `factors.required`: which accounts must have a second factor, and from when on.
//!
//! The grace period of an account begins with its first sign-in or refresh under the policy. It begins once: nothing clears
//! the time of its beginning, so a user who adds and removes a factor, or loses a role and gets it back, gains no time.

use sea_orm::{ConnectionTrait, DbErr};

use super::{Account, Accounts, store};
use crate::{
    clock::Timestamp,
    config::{RequiredFactors, SCOPES},
    id::UserId,
};

impl Accounts {
    /// Whether the policy requires a second factor of accounts with these roles.
    #[must_use]
    pub fn must_have_factor(&self, roles: &[String]) -> bool {
        match self.config.factors.required {
            RequiredFactors::Off => false,
            RequiredFactors::Everyone => true,
            RequiredFactors::Admins => {
                let scopes = self.scopes(roles);
                SCOPES.iter().any(|scope| scopes.contains(scope))
            }
        }
    }

    /// Whether an account must not be used before it has a second factor: the policy requires one, it has none, and its
    /// grace period is over. Begins the grace period if that has not begun. It reads nothing unless the policy concerns
    /// the account.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn is_factor_overdue(
        &self,
        db: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<bool, DbErr> {
        if !self.must_have_factor(&account.roles) {
            return Ok(false);
        }
        let now = self.clock.now();
        let state = store::factor_state(db, account.id, self.config.passkey_rp_id()).await?;
        // It begins also for an account with a factor, so that its time is over when it loses that.
        let since = match state.required_since {
            Some(since) => since,
            None => store::begin_factor_grace(db, account.id, now).await.map(|()| now)?,
        };
        Ok(!state.has_factor && since + self.config.factors.grace <= now)
    }

    /// The time until which an account may be used without a second factor. `None` if the policy does not concern it, if
    /// it has a factor, or if its grace period has not begun.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn second_factor_deadline(&self, account: &Account) -> Result<Option<Timestamp>, DbErr> {
        if !self.must_have_factor(&account.roles) {
            return Ok(None);
        }
        let state =
            store::factor_state(self.database.reader(), account.id, self.config.passkey_rp_id()).await?;
        let since = state.required_since.filter(|_| !state.has_factor);
        Ok(since.map(|since| since + self.config.factors.grace))
    }

    /// Ends the grace period of an account whose factors an administrator has removed: the next sign-in adds one.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn end_factor_grace(
        &self,
        transaction: &impl ConnectionTrait,
        account: &Account,
    ) -> Result<(), DbErr> {
        if !self.must_have_factor(&account.roles) {
            return Ok(());
        }
        let ended = self.clock.now() - self.config.factors.grace;
        store::set_factor_required_since(transaction, account.id, ended).await
    }

    /// Whether an account has a second factor: a confirmed authenticator app or a passkey.
    ///
    /// # Errors
    /// If a database query fails.
    pub(crate) async fn has_factor(&self, db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
        Ok(store::factor_state(db, user, self.config.passkey_rp_id()).await?.has_factor)
    }

    /// Counts the enabled accounts that the policy concerns and that have no second factor. `None` if the policy is off.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn count_without_factor(&self) -> Result<Option<u64>, DbErr> {
        let db = self.database.reader();
        let roles = match self.config.factors.required {
            RequiredFactors::Off => return Ok(None),
            RequiredFactors::Everyone => None,
            RequiredFactors::Admins => {
                let all = self.config.roles.keys().cloned();
                Some(all.filter(|role| self.must_have_factor(std::slice::from_ref(role))).collect())
            }
        };
        store::count_without_factor(db, roles, self.config.passkey_rp_id()).await.map(Some)
    }
}
