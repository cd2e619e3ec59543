use std::io::Write;

use serde::Serialize;

use crate::cli::{error::CliError, output::Format};

/// The results of all checks.
#[derive(Default)]
pub(super) struct Report(Vec<Row>);

#[derive(Serialize)]
struct Row {
    level: Level,
    subject: String,
    text: String,
}

/// The severity of a result.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// The check passed.
    Ok,
    /// The server starts, but the operator should change this.
    Warn,
    /// The server does not start, or is not safe.
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

    /// Whether there is a result for a subject.
    pub(super) fn mentions(&self, subject: &str) -> bool {
        self.0.iter().any(|row| row.subject == subject)
    }

    /// Prints the report.
    ///
    /// # Errors
    /// If the report cannot be written.
    pub(super) fn write(&self, format: &Format, out: &mut dyn Write) -> Result<(), CliError> {
        format.write(out, ["", "CHECK", "RESULT"], &self.0, |row| {
            let level = match row.level {
                Level::Ok => "ok",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            // An error may have several lines, but a table row has one.
            [level.to_owned(), row.subject.clone(), row.text.replace('\n', " ")]
        })?;
        Ok(out.flush()?)
    }

    /// The result of the command.
    ///
    /// # Errors
    /// If a check failed, or if `is_strict` and there is a warning.
    pub(super) fn verdict(&self, is_strict: bool) -> Result<(), CliError> {
        let count = |level| self.0.iter().filter(|row| row.level == level).count();
        match (count(Level::Fail), count(Level::Warn)) {
            (0, 1) if is_strict => Err(CliError::refused("1 warning (--strict)")),
            (0, 2..) if is_strict => {
                Err(CliError::refused(format!("{} warnings (--strict)", count(Level::Warn))))
            }
            (0, _) => Ok(()),
            (1, _) => Err(CliError::refused("1 check failed")),
            (failed, _) => Err(CliError::refused(format!("{failed} checks failed"))),
        }
    }
}
