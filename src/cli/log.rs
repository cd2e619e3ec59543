use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt};

use super::error::CliError;
use crate::config::{Loaded, LogFormat, Source};

/// Logs as the server does.
pub(super) fn start_for_server(loaded: &Loaded) -> Result<(), CliError> {
    start(&loaded.config.log.filter, loaded.config.log.format)
}

/// Logs what a command has to say: warnings, unless the environment asks for more.
pub(super) fn start_for_command(loaded: &Loaded) -> Result<(), CliError> {
    let log = &loaded.config.log;
    match loaded.source("log.filter") {
        Source::Environment(_) => start(&log.filter, log.format),
        _ => start("warn", log.format),
    }
}

fn start(filter: &str, format: LogFormat) -> Result<(), CliError> {
    let builder = fmt().with_env_filter(quiet(filter)?).with_writer(io::stderr);
    match format {
        // The list of spans would repeat the current one: spans are not nested here.
        LogFormat::Json => builder.json().with_span_list(false).init(),
        // Colours are for people. On a terminal, NO_COLOR is heeded by the library.
        LogFormat::Text if !io::stderr().is_terminal() => builder.with_ansi(false).init(),
        LogFormat::Text => builder.init(),
    }
    Ok(())
}

/// The filter, without the migrations' own tale: we tell which were applied ourselves.
fn quiet(text: &str) -> Result<EnvFilter, CliError> {
    let invalid = |_| CliError::refused("log.filter must be a filter such as info or portcullis=debug,info");
    let filter = EnvFilter::try_new(text).map_err(invalid)?;
    let speaks = filter.max_level_hint().is_none_or(|level| level > LevelFilter::WARN);
    match "sea_orm_migration=warn".parse() {
        Ok(directive) if speaks && !text.contains("sea_orm_migration") => Ok(filter.add_directive(directive)),
        _ => Ok(filter),
    }
}
