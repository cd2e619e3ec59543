use std::io::Write;

use super::error::CliError;

/// Prints the schema definition language, with the directives of the guards.
pub(super) fn run(out: &mut dyn Write) -> Result<(), CliError> {
    Ok(writeln!(out, "{}", crate::schema::sdl().trim_end())?)
}
