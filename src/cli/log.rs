use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use super::error::CliError;
use crate::config::{LoadedConfig, LogFormat, Source};

/// Starts the log of the server, as configured.
pub(super) fn start_for_server(loaded: &LoadedConfig) -> Result<(), CliError> {
    start(&loaded.config.log.filter, loaded.config.log.format)
}

/// Starts the log of a command: warnings only, unless the environment sets `log.filter`.
pub(super) fn start_for_command(loaded: &LoadedConfig) -> Result<(), CliError> {
    let log = &loaded.config.log;
    match loaded.source("log.filter") {
        Source::Environment(_) => start(&log.filter, log.format),
        _ => start("warn", log.format),
    }
}

fn start(filter: &str, format: LogFormat) -> Result<(), CliError> {
    let builder = fmt().with_env_filter(quiet(filter)?).with_writer(io::stderr);
    // It fails if the application has set a subscriber of its own, which is then used.
    let _ = match format {
        // Spans are not nested here, so the list of spans would only repeat the current one.
        LogFormat::Json => builder.json().with_span_list(false).try_init(),
        // No colours if the output is not a terminal. On a terminal, the library respects NO_COLOR.
        LogFormat::Text if !io::stderr().is_terminal() => builder.with_ansi(false).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    Ok(())
}

/// The filter without the messages of `SeaORM`'s migrator, because the server logs each applied migration itself.
fn quiet(text: &str) -> Result<EnvFilter, CliError> {
    let invalid = |_| {
        CliError::refused("log.filter is invalid; set it to a filter such as info or portcullis=debug,info")
    };
    let filter = EnvFilter::try_new(text).map_err(invalid)?;
    let speaks = filter.max_level_hint().is_none_or(|level| level > LevelFilter::WARN);
    match "sea_orm_migration=warn".parse() {
        Ok(directive) if speaks && !text.contains("sea_orm_migration") => Ok(filter.add_directive(directive)),
        _ => Ok(filter),
    }
}
