//! The command line: a file a command.
//!
//! A command prints to the writer that it is handed, never to standard output itself, and says what went
//! wrong as a `CliError`. What changes data goes through [`crate::admin`], like a request does.

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

/// A GraphQL identity server. Without a command, it serves.
#[derive(Parser)]
#[command(name = "portcullis", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "\
Every key of the configuration can be set in a file (--config), in the environment (tokens.access_ttl is \
PORTCULLIS_TOKENS__ACCESS_TTL), and the commonest by a flag; the later wins. `portcullis config` shows what \
counts and where it was set. What is secret has no flag, for other users of the machine see those: set \
PORTCULLIS_SECRET or PORTCULLIS_SECRET_FILE, and DATABASE_URL or PORTCULLIS_DATABASE__URL_FILE.";

#[derive(Subcommand)]
enum Command {
    /// Run the server: what happens without a command
    Serve,
    /// Bring the database up to this release, or take it back
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Print the GraphQL schema; needs no database
    Schema(schema::Schema),
    /// Print the reference of all errors, in Markdown; needs no database
    Errors,
    /// Make, list and change accounts
    #[command(subcommand)]
    Users(users::Users),
    /// List and end sessions
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// List and change the keys that sign access tokens
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Show every value of the configuration and where it was set, secrets masked
    Config(config::Config),
    /// Look at the configuration, the secrets and the database, and say what is wrong; changes nothing
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

/// Runs the command that the arguments name. Exits with 0 when it is done, 1 when it failed, 2 when the arguments make
/// no command, and 3 when `migrate status` finds migrations that are pending.
#[must_use]
pub fn run() -> ExitCode {
    // Before anything secret is read.
    if let Err(error) = protect::protect_memory() {
        let _ = writeln!(io::stderr(), "warning: cannot exclude the memory from core dumps: {error}");
    }
    let cli = Cli::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = cli.run(&mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `portcullis users list | head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let label = if matches!(error, CliError::Pending(_)) { "" } else { "error: " };
            let _ = writeln!(io::stderr(), "{label}{error}");
            ExitCode::from(error.status())
        }
    }
}
