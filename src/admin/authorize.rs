use sea_orm::ConnectionTrait;

use super::{Admin, AdminError};
use crate::{accounts::Account, audit::Actor, config::SCOPES, id::UserId, tokens::Scopes};

/// The parts of a privileged operation on an account that decide whether it is permitted.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    /// The account that it changes. `None` if it creates one.
    pub(super) target: Option<UserId>,
    /// The roles that it grants.
    pub(super) roles: &'a [String],
    /// The mutation that does the same to the caller's own account and takes the current password, if there is one.
    pub(super) own: Option<&'static str>,
    /// Whether it sets a password or an address of an account that exists. The address can reset the password.
    pub(super) sets_credential: bool,
}

impl Admin {
    /// Checks a privileged operation in its transaction, on rows that stay locked until that ends. This is the place
    /// for each further condition.
    ///
    /// # Errors
    /// [`AdminError::Account`] if the actor may no longer act, [`AdminError::OwnAccount`],
    /// [`AdminError::SessionRequired`], [`AdminError::PrivilegeEscalation`] or [`AdminError::InsufficientLogin`].
    pub(super) async fn authorize(
        &self,
        transaction: &impl ConnectionTrait,
        operation: Operation<'_>,
        actor: Actor<'_>,
    ) -> Result<(), AdminError> {
        let locked = self.accounts.lock_actor(transaction, actor, operation.target).await?;
        let scopes = match (actor, locked.actor) {
            (Actor::Server, _) => return Ok(()),
            (Actor::Bearer { claims, .. }, _) => claims.scope.clone(),
            (Actor::Client { .. }, account) => {
                self.accounts.scopes(&account.map(|account| account.roles).unwrap_or_default())
            }
        };
        self.check(operation, actor, &scopes, locked.target.as_ref())
    }

    /// Checks a privileged operation before its password is hashed, so that a caller without permission cannot keep
    /// the hashing queue busy. What it reads may change, so [`Admin::authorize`] checks again.
    ///
    /// # Errors
    /// As [`Admin::authorize`].
    pub(super) async fn authorize_early(
        &self,
        operation: Operation<'_>,
        actor: Actor<'_>,
    ) -> Result<(), AdminError> {
        let Actor::Bearer { claims, .. } = actor else { return Ok(()) };
        let target = match operation.target {
            Some(id) => self.accounts.find(id).await?,
            None => None,
        };
        self.check(operation, actor, &claims.scope, target.as_deref())
    }

    fn check(
        &self,
        operation: Operation<'_>,
        actor: Actor<'_>,
        scopes: &Scopes,
        target: Option<&Account>,
    ) -> Result<(), AdminError> {
        let is_own = operation.target.is_some() && operation.target == actor.user();
        if (is_own || operation.sets_credential)
            && matches!(actor, Actor::Bearer { claims, .. } if claims.is_personal_access_token())
        {
            return Err(AdminError::SessionRequired);
        }
        if let (true, Some(instead)) = (is_own, operation.own) {
            return Err(AdminError::OwnAccount { instead });
        }
        let held = target.map_or(&[][..], |account| &account.roles);
        let beyond = self.beyond(scopes, [held, operation.roles]);
        if !beyond.is_empty() {
            return Err(AdminError::PrivilegeEscalation(beyond));
        }
        // Last, because a new login does not change the other conditions.
        self.ensure_login(actor)
    }

    /// The scopes of this server that these roles grant and the actor lacks. An actor who grants a role, or
    /// sets the password of an account, could then use its scopes (privilege escalation). The operator must
    /// protect the scopes of other services.
    fn beyond(&self, scopes: &Scopes, roles: [&[String]; 2]) -> Vec<&'static str> {
        let granted = roles.map(|roles| self.accounts.scopes(roles));
        let is_granted = |scope: &str| granted.iter().any(|granted| granted.contains(scope));
        SCOPES.iter().copied().filter(|scope| is_granted(scope) && !scopes.contains(scope)).collect()
    }
}
