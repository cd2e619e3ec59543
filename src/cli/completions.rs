use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, error::CliError};

#[derive(Args)]
pub(super) struct Completions {
    /// The shell to print the script for
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        // The generator panics if its writer fails, so it writes to memory.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "portcullis", &mut script);
        Ok(out.write_all(&script)?)
    }
}
