use std::io::Write;

use serde::Serialize;

use crate::cli::{error::CliError, output::Format};

/// What was found.
#[derive(Default)]
pub(super) struct Report(Vec<Row>);

#[derive(Serialize)]
struct Row {
    level: Level,
    subject: String,
    text: String,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// All is well.
    Ok,
    /// The server starts, but this should change.
    Warn,
    /// The server does not start, or should not.
    Fail,
}

impl Report {
    pub(super) fn ok(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Level::Ok, subject, text.into());
    }

    pub(super) fn warn(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Level::Warn, subject, text.into());
    }

    pub(super) fn fail(&mut self, subject: &str, text: impl Into<String>) {
        self.add(Level::Fail, subject, text.into());
    }

    fn add(&mut self, level: Level, subject: &str, text: String) {
        self.0.push(Row { level, subject: subject.to_owned(), text });
    }

    /// Prints the report.
    ///
    /// # Errors
    /// When something failed, or the report cannot be written.
    pub(super) fn write(&self, format: &Format, out: &mut dyn Write) -> Result<(), CliError> {
        format.write(out, ["", "WHAT", "FOUND"], &self.0, |row| {
            let level = match row.level {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            // On one line, however many an error has.
            [level.to_owned(), row.subject.clone(), row.text.replace('\n', " ")]
        })?;
        out.flush()?;
        match self.0.iter().filter(|row| row.level == Level::Fail).count() {
            0 => Ok(()),
            1 => Err(CliError::refused("one check failed")),
            count => Err(CliError::refused(format!("{count} checks failed"))),
        }
    }
}
