//! The command line: a file a command.

mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// A GraphQL identity server.
#[derive(Parser)]
#[command(name = "portcullis", version)]
struct Cli {
    /// The configuration file. Without it, `portcullis.toml` where it exists.
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server (what happens without a command).
    Serve(serve::Serve),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let Command::Serve(command) = cli.command.unwrap_or(Command::Serve(serve::Serve::default()));
    match command.run(cli.config.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
