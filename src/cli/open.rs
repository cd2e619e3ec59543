use std::io::{self, Write};

use tokio::runtime::{Builder, Runtime};

use super::{error::CliError, log, settings::Settings};
use crate::{app::App, clock::Clock, config::Config};

/// The action of a command if the embedded database does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// Creates it, because this may be the first command of a new installation.
    Create,
    /// Fails, because an empty result from a wrong folder would be misleading.
    Fail,
}

/// Opens the app, runs one command with it, and closes it.
pub(super) fn with_app<T>(
    settings: &Settings,
    if_missing: IfMissing,
    command: impl AsyncFnOnce(App) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let loaded = settings.load()?;
    log::start_for_command(&loaded)?;
    find_database(&loaded.config, if_missing)?;
    block_on(async move {
        let app = App::open(loaded.config, Clock::system()).await?;
        let done = command(app.clone()).await;
        app.close().await;
        done
    })
}

/// Runs a future to completion on a single-threaded runtime.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    runtime(&mut Builder::new_current_thread())?.block_on(work)
}

pub(super) fn runtime(builder: &mut Builder) -> Result<Runtime, CliError> {
    let failed = |error| CliError::refused(format!("cannot start the runtime: {error}"));
    builder.enable_all().build().map_err(failed)
}

/// Checks whether the embedded database exists.
pub(super) fn find_database(config: &Config, if_missing: IfMissing) -> Result<(), CliError> {
    let Some(path) = config.sqlite_file().filter(|path| !path.exists()) else { return Ok(()) };
    let path = path.display();
    match if_missing {
        IfMissing::Create => Ok(writeln!(io::stderr(), "creating the database {path}")?),
        IfMissing::Fail => Err(CliError::refused(format!(
            "the database {path} does not exist\nSet its folder with --data-dir, set DATABASE_URL, or create it: \
             `portcullis migrate up`."
        ))),
    }
}
