use std::io::Write;

use async_graphql::{ObjectType, SubscriptionType};
use clap::Args;

use super::error::CliError;
use crate::server::{Builder, SchemaData};

#[derive(Args)]
pub(super) struct Schema {
    /// Print it as an Apollo Federation 2 subgraph, for composition
    #[arg(long)]
    federation: bool,
}

impl Schema {
    /// Prints the schema definition language, with the directives of the guards.
    pub(super) fn run<Q, M, S, D>(
        &self,
        builder: Builder<Q, M, S, D>,
        out: &mut dyn Write,
    ) -> Result<(), CliError>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        let sdl = if self.federation { builder.subgraph_sdl()? } else { builder.sdl()? };
        Ok(writeln!(out, "{}", sdl.trim_end())?)
    }
}
