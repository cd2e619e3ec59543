use std::io::Write;

use clap::Args;

use super::{find, roles, to_cli_error};
use crate::{
    accounts::Account,
    admin::UserUpdate,
    app::App,
    audit::Actor,
    cli::{ask, error::CliError},
};

/// The argument that selects an account.
#[derive(Args)]
pub(crate) struct UserArg {
    /// The account's username or id (`user_…`)
    user: String,
}

#[derive(Args)]
pub(crate) struct SetRoles {
    #[command(flatten)]
    user: UserArg,
    #[command(flatten)]
    roles: Roles,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Roles {
    /// A role of the account; repeat the flag for several roles
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Remove all roles
    #[arg(long)]
    none: bool,
}

pub(super) async fn disable(app: &App, user: &UserArg, out: &mut dyn Write) -> Result<(), CliError> {
    let changes = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
    let account = change(app, user, || Ok(changes)).await?;
    Ok(writeln!(out, "disabled {} and revoked its sessions", account.username)?)
}

pub(super) async fn enable(app: &App, user: &UserArg, out: &mut dyn Write) -> Result<(), CliError> {
    let changes = UserUpdate { disabled: Some(false), ..UserUpdate::default() };
    let account = change(app, user, || Ok(changes)).await?;
    Ok(writeln!(out, "enabled {}", account.username)?)
}

pub(super) async fn set_password(app: &App, user: &UserArg, out: &mut dyn Write) -> Result<(), CliError> {
    let ask = || Ok(UserUpdate { password: Some(ask::new_password()?), ..UserUpdate::default() });
    let account = change(app, user, ask).await?;
    Ok(writeln!(out, "changed the password of {} and revoked its sessions", account.username)?)
}

pub(super) async fn reset_second_factors(
    app: &App,
    user: &UserArg,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let account = find(app, &user.user).await?;
    let reset = app.admin.reset_second_factors(account.id, Actor::Server).await;
    let account = reset.map_err(|error| to_cli_error(error, app, &user.user))?;
    Ok(writeln!(out, "removed the second factors of {} and revoked its sessions", account.username)?)
}

impl SetRoles {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let changes = UserUpdate { roles: Some(self.roles.roles), ..UserUpdate::default() };
        let account = change(app, &self.user, || Ok(changes)).await?;
        Ok(writeln!(out, "{} has {}", account.username, roles(&account))?)
    }
}

/// Changes an account. Finds it first, so that the user is not asked for a password in vain.
async fn change(
    app: &App,
    user: &UserArg,
    changes: impl FnOnce() -> Result<UserUpdate, CliError>,
) -> Result<Account, CliError> {
    let account = find(app, &user.user).await?;
    let changed = app.admin.update_user(account.id, changes()?, Actor::Server).await;
    changed.map_err(|error| to_cli_error(error, app, &account.username))
}
