use std::io::Write;

use clap::Args;

use super::{find, to_cli_error};
use crate::{
    app::App,
    audit::Actor,
    cli::{ask::Confirmation, error::CliError},
};

#[derive(Args)]
pub(crate) struct Delete {
    /// The account's username or id (`user_…`)
    user: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Delete {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let account = find(app, &self.user).await?;
        let (name, id) = (&account.username, account.id);
        self.confirmation.ask(&format!("This permanently deletes the account {name} ({id})."))?;
        let deleted = app.admin.delete_user(id, Actor::Server).await;
        deleted.map_err(|error| to_cli_error(error, app, name))?;
        Ok(writeln!(out, "deleted {name} ({id})")?)
    }
}
