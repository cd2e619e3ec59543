use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, error::CliError};

#[derive(Args)]
pub(super) struct Man {
    /// The folder to write the pages to. It is created if it does not exist
    folder: PathBuf,
}

impl Man {
    /// Writes a page for each command, such as `portcullis-users-list.1`.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &self.folder));
        let folder = self.folder.display();
        written.map_err(|error| CliError::refused(format!("cannot write to {folder}: {error}")))?;
        Ok(writeln!(out, "The pages are in {folder}.")?)
    }
}
