use std::io::Write;

use clap::Args;

use super::{account_error, roles, to_cli_error};
use crate::{
    accounts::{DisplayName, EmailAddress, Username},
    admin::NewUser,
    app::App,
    audit::Actor,
    cli::{ask, error::CliError},
};

#[derive(Args)]
pub(crate) struct Create {
    /// The username to sign in with
    username: String,
    /// The e-mail address, which is stored as unverified
    #[arg(long)]
    email: Option<String>,
    /// The name to display for the user
    #[arg(long)]
    display_name: Option<String>,
    /// A role of the account; repeat the flag for several roles [default: the value of `accounts.default_roles`]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
}

impl Create {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let name = self.username.clone();
        let new = self.read(app)?;
        let created = app.admin.create_user(new, Actor::Server).await;
        let account = created.map_err(|error| to_cli_error(error, app, &name))?;
        Ok(writeln!(out, "created {} ({}) with {}", account.username, account.id, roles(&account))?)
    }

    /// Validates the arguments, and then asks for the password.
    fn read(self, app: &App) -> Result<NewUser, CliError> {
        let invalid = |error| account_error(error, app, &self.username);
        let username = Username::parse(&self.username).map_err(invalid)?;
        let email = self.email.as_deref().map(EmailAddress::parse).transpose().map_err(invalid)?;
        let display_name =
            self.display_name.as_deref().map(DisplayName::parse).transpose().map_err(invalid)?;
        let roles =
            if self.roles.is_empty() { app.config.accounts.default_roles.clone() } else { self.roles };
        let password = ask::new_password()?;
        Ok(NewUser { username, password, email, display_name: display_name.flatten(), roles })
    }
}
