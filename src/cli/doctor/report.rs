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

    /// Whether something was found about a subject.
    pub(super) fn mentions(&self, subject: &str) -> bool {
        self.0.iter().any(|row| row.subject == subject)
    }

    /// Prints the report.
    ///
    /// # Errors
    /// The report cannot be written.
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
        Ok(out.flush()?)
    }

    /// Decides how the command ends.
    ///
    /// # Errors
    /// A check failed; or, if `is_strict`, there is a warning.
    pub(super) fn verdict(&self, is_strict: bool) -> Result<(), CliError> {
        let count = |level| self.0.iter().filter(|row| row.level == level).count();
        match (count(Level::Fail), count(Level::Warn)) {
            (0, 1) if is_strict => Err(CliError::refused("there is one warning (--strict)")),
            (0, 2..) if is_strict => {
                Err(CliError::refused(format!("there are {} warnings (--strict)", count(Level::Warn))))
            }
            (0, _) => Ok(()),
            (1, _) => Err(CliError::refused("one check failed")),
            (failed, _) => Err(CliError::refused(format!("{failed} checks failed"))),
        }
    }
}
