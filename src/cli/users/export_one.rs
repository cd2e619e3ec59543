//! `portcullis users export-one`.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use clap::Args;

use super::find;
use crate::{
    account_export::ExportError,
    app::App,
    cli::error::CliError,
    secret::{create_private, sync_folder},
};

#[derive(Args)]
pub(crate) struct ExportOne {
    /// The account's username or id (`user_…`)
    user: String,
    /// The file to create
    file: PathBuf,
}

impl ExportOne {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let account = find(app, &self.user).await?;
        let failed = |error: &dyn std::fmt::Display| {
            CliError::refused(format!("cannot write {}: {error}", self.file.display()))
        };
        let mut file = BufWriter::new(create_private(&self.file).map_err(|error| failed(&error))?);
        let written = match app.exporter.write(&account, usize::MAX, &mut file).await {
            Ok(()) => {
                file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all())
            }
            Err(ExportError::Output(error)) => Err(error),
            Err(ExportError::Database(error)) => {
                fs::remove_file(&self.file).ok();
                return Err(error.into());
            }
        };
        if let Err(error) = written {
            // An incomplete file must not look like a complete one.
            fs::remove_file(&self.file).ok();
            return Err(failed(&error));
        }
        sync_folder(&self.file).map_err(|error| failed(&error))?;
        Ok(writeln!(out, "exported {} ({}) to {}", account.username, account.id, self.file.display())?)
    }
}
