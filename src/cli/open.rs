use std::io::{self, Write};

use tokio::runtime::{Builder, Runtime};

use super::{error::CliError, log, settings::Settings};
use crate::{app::App, clock::Clock, config::Config};

/// Whether a command may make the embedded database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It makes it: somebody begins here.
    Make,
    /// It refuses: an empty answer from the wrong folder would mislead.
    Refuse,
}

/// Opens the program for one command, and runs it.
pub(super) fn with_app<T>(
    settings: &Settings,
    absent: Absent,
    command: impl AsyncFnOnce(App) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let loaded = settings.load()?;
    log::start_for_command(&loaded)?;
    find_database(&loaded.config, absent)?;
    block_on(async move {
        let app = App::open(loaded.config, Clock::system()).await?;
        let done = command(app.clone()).await;
        app.close().await;
        done
    })
}

/// Runs one command's work.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    runtime(&mut Builder::new_current_thread())?.block_on(work)
}

pub(super) fn runtime(builder: &mut Builder) -> Result<Runtime, CliError> {
    let failed = |error| CliError::refused(format!("cannot start the runtime: {error}"));
    builder.enable_all().build().map_err(failed)
}

/// Looks for the embedded database.
pub(super) fn find_database(config: &Config, absent: Absent) -> Result<(), CliError> {
    let Some(path) = config.sqlite_file().filter(|path| !path.exists()) else { return Ok(()) };
    let path = path.display();
    match absent {
        Absent::Make => Ok(writeln!(io::stderr(), "making the database {path}")?),
        Absent::Refuse => Err(CliError::refused(format!(
            "there is no database {path}\nName its folder with --data-dir, set DATABASE_URL, or make it: \
             `portcullis migrate up`."
        ))),
    }
}
