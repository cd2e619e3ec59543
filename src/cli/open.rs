use std::io::{self, Write};

use super::{error::CliError, log, settings::Settings};
use crate::{app::App, config::Config};

/// The action of a command if the embedded database does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    /// Creates it, because this may be the first command of a new installation.
    Create,
    /// Fails, because an empty result from a wrong folder would be misleading.
    Fail,
}

/// Opens the app, runs one command with it, and closes it.
pub(super) async fn with_app<T>(
    settings: &Settings,
    if_missing: IfMissing,
    command: impl AsyncFnOnce(App) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let loaded = settings.load()?;
    log::start_for_command(&loaded)?;
    find_database(&loaded.config, if_missing)?;
    let app = App::open_with(loaded.config, settings.application.parts.clone());
    let app = Box::pin(app).await?;
    let done = Box::pin(command(app.clone())).await;
    app.close().await;
    done
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
