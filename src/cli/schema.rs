use std::io::Write;

use clap::Args;

use super::error::CliError;
use crate::schema::{sdl, subgraph_sdl};

#[derive(Args)]
pub(super) struct Schema {
    /// Print it as an Apollo Federation 2 subgraph, for composition
    #[arg(long)]
    federation: bool,
}

impl Schema {
    /// Prints the schema definition language, with the directives of the guards.
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let sdl = if self.federation { subgraph_sdl() } else { sdl() };
        Ok(writeln!(out, "{}", sdl.trim_end())?)
    }
}
