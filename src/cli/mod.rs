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
mod keys;
mod log;
mod migrate;
mod open;
mod output;
mod protect;
mod schema;
mod serve;
mod sessions;
mod settings;
mod users;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use self::{error::CliError, settings::Settings};

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
    /// Show each configuration value and where it was set. Secrets are masked
    Config(config::Config),
    /// Check the configuration, the secrets and the database. Changes nothing
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Cli {
    fn run(self, out: &mut dyn Write) -> Result<(), CliError> {
        let settings = &self.settings;
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run(settings),
            Command::Migrate(command) => command.run(settings, out),
            Command::Schema(command) => command.run(out),
            Command::Errors => errors::run(out),
            Command::Users(command) => command.run(settings, out),
            Command::Sessions(command) => command.run(settings, out),
            Command::Keys(command) => command.run(settings, out),
            Command::Config(command) => command.run(settings, out),
            Command::Doctor(command) => command.run(settings, out),
            Command::Completions(command) => command.run(out),
        }
    }
}

/// Runs the command in the process's arguments. The exit status is 0 on success, 1 on failure, 2 for invalid arguments,
/// and 3 if `migrate status` finds pending migrations.
#[must_use]
pub fn run() -> ExitCode {
    // Before any secret is read.
    if let Err(error) = protect::protect_memory() {
        let _ = writeln!(io::stderr(), "warning: cannot exclude the memory from core dumps: {error}");
    }
    let cli = Cli::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = cli.run(&mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has closed the pipe, as in `portcullis users list | head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let label = if matches!(error, CliError::Pending(_)) { "" } else { "error: " };
            let _ = writeln!(io::stderr(), "{label}{error}");
            ExitCode::from(error.status())
        }
    }
}
