//! The command line, with one file for each command.
//!
//! A command prints to the writer that it receives, never directly to standard output, and returns its errors as
//! `CliError`. Commands that change data use [`crate::admin`], like requests do.

mod ask;
mod completions;
mod config;
mod doctor;
mod error;
mod errors;
mod healthcheck;
mod keys;
mod log;
mod mail;
mod man;
mod migrate;
mod open;
mod output;
mod protect;
mod schema;
mod serve;
mod sessions;
mod settings;
#[cfg(target_os = "linux")]
mod systemd;
mod users;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use async_graphql::{ObjectType, SubscriptionType};
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use self::{error::CliError, settings::Settings};
use crate::{
    config::LoadedConfig,
    server::{Builder, Error, SchemaData},
};

/// A GraphQL identity server. Without a command, it runs the server.
#[derive(Parser)]
#[command(name = "portcullis", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Configuration comes from a file (--config), then the environment, then flags; later sources override earlier \
ones. Every key has an environment variable: tokens.access_ttl is PORTCULLIS_TOKENS__ACCESS_TTL. \
`portcullis config` shows each value and where it was set. Secrets have no flags, because other users of the \
machine can read the arguments of a process: set PORTCULLIS_SECRET or PORTCULLIS_SECRET_FILE, and DATABASE_URL \
or PORTCULLIS_DATABASE__URL_FILE.";

#[derive(Subcommand)]
enum Command {
    /// Run the server (the default)
    Serve,
    /// Apply, revert or list database migrations
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Print the GraphQL schema. Needs no database
    Schema(schema::Schema),
    /// Print the reference of all errors in Markdown. Needs no database
    Errors,
    /// Create, list and change accounts
    #[command(subcommand)]
    Users(users::Users),
    /// List and revoke sessions
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// List, rotate, import and revoke signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// List and retry messages by e-mail, try the mail server, show templates and suppress addresses
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Show each configuration value and where it was set. Secrets are masked
    Config(config::Config),
    /// Check the configuration, the secrets and the database. Changes nothing
    Doctor(doctor::Doctor),
    /// Ask the running server on this machine whether it is ready. Exits with 1 if it is not
    Healthcheck(healthcheck::Healthcheck),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Write the manual pages to a folder
    Man(man::Man),
}

impl Cli {
    async fn run<Q, M, S, D>(
        mut self,
        builder: Builder<Q, M, S, D>,
        out: &mut dyn Write,
    ) -> Result<(), CliError>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        self.settings.application = builder.application().clone();
        let settings = &self.settings;
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(settings.load()?, builder).await,
            Command::Migrate(command) => command.run(settings, out).await,
            Command::Schema(command) => command.run(builder, out),
            Command::Errors => errors::run(out),
            Command::Users(command) => command.run(settings, out).await,
            Command::Sessions(command) => command.run(settings, out).await,
            Command::Keys(command) => command.run(settings, out).await,
            Command::Mail(command) => command.run(settings, out).await,
            Command::Config(command) => command.run(settings, out),
            Command::Doctor(command) => command.run(settings, builder.into_roots(), out).await,
            Command::Healthcheck(command) => command.run(settings, out).await,
            Command::Completions(command) => command.run(out),
            Command::Man(command) => command.run(out),
        }
    }
}

impl<Q, M, S, D> Builder<Q, M, S, D>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
    D: SchemaData,
{
    /// Runs the program: the command in the process's arguments, which are those of the `portcullis` binary. Without a
    /// command it serves [`Portcullis::router`](crate::server::Portcullis::router) until it receives SIGINT or SIGTERM.
    ///
    /// The configuration comes from the file, the environment and the flags. The log is started as configured, unless
    /// the program has set a subscriber of its own. After [`Builder::config`] the arguments are not read: it serves.
    ///
    /// # Errors
    /// The command failed, or the server cannot start.
    pub async fn serve(self) -> Result<(), Error> {
        protect();
        if let Some(config) = &self.application().config {
            let loaded = LoadedConfig::of(config.clone(), &self.application().in_code)?;
            return Ok(serve::run(loaded, self).await?);
        }
        Ok(run_command(Cli::parse(), self).await?)
    }

    /// Runs the program as [`Builder::serve`] does, on a runtime of its own, and prints its error. The exit status is 0 on
    /// success, 1 on failure, 2 for invalid arguments, and 3 if `migrate status` finds pending migrations.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let runtime = match Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: cannot start the runtime: {error}");
                return ExitCode::FAILURE;
            }
        };
        let done = runtime.block_on(self.serve());
        // Tasks that have ignored the shutdown are dropped here.
        runtime.shutdown_background();
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Pending migrations are a result, and not a failure.
                let label = if error.exit_status() == 3 { "" } else { "error: " };
                let _ = writeln!(io::stderr(), "{label}{error}");
                ExitCode::from(error.exit_status())
            }
        }
    }
}

/// Excludes the memory from core dumps, before any secret is read.
fn protect() {
    if let Err(error) = protect::protect_memory() {
        let _ = writeln!(io::stderr(), "warning: cannot exclude the memory from core dumps: {error}");
    }
}

async fn run_command<Q, M, S, D>(cli: Cli, builder: Builder<Q, M, S, D>) -> Result<(), CliError>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
    D: SchemaData,
{
    let mut out = BufWriter::new(io::stdout());
    let done = cli.run(builder, &mut out).await.and_then(|()| Ok(out.flush()?));
    match done {
        // The reader has closed the pipe, as in `portcullis users list | head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}
