use async_graphql::Context;

use crate::{
    accounts::Accounts,
    config::SCOPES,
    graphql::{Failure, caller},
    id::UserId,
};

/// Says that the caller may change an account and give these roles: whoever gives a role, or another password,
/// could use what it opens. Scopes that are not this server's are the operator's affair.
///
/// # Errors
/// `FORBIDDEN` with the scopes that the account has, or the roles grant, and the caller has not.
pub(super) async fn expect_reach(
    ctx: &Context<'_>,
    account: Option<UserId>,
    roles: &[String],
) -> Result<(), Failure> {
    let (caller, accounts) = (caller(ctx), ctx.data_unchecked::<Accounts>());
    let found = match account {
        Some(id) => accounts.find(id).await?,
        None => None,
    };
    let held = found.as_ref().map_or(&[][..], |found| &found.roles);
    let granted = [accounts.scopes(roles), accounts.scopes(held)];
    let is_beyond =
        |scope: &&str| granted.iter().any(|scopes| scopes.contains(scope)) && !caller.has_scope(scope);
    let beyond: Vec<&str> = SCOPES.into_iter().filter(is_beyond).collect();
    if beyond.is_empty() { Ok(()) } else { Err(Failure::forbidden(&[&beyond])) }
}
