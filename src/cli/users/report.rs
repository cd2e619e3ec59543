//! The report of an import.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use serde::Serialize;

use crate::{cli::error::CliError, secret::create_private};

/// The maximum number of refusals that are printed.
const PRINTED: usize = 20;

/// The result for one record.
pub(super) struct Entry {
    /// The number of its first line.
    pub(super) line: u64,
    /// The username, if it is valid.
    pub(super) username: Option<String>,
    pub(super) outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Imported,
    /// An account has the username already.
    Exists,
    /// The reason.
    Refused(String),
}

/// Counts the results, writes them to a file, and collects the first refusals to print.
pub(super) struct Report {
    file: Option<BufWriter<File>>,
    imported: u64,
    existing: u64,
    refused: u64,
    dropped_ids: u64,
    printed: Vec<String>,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "line")]
    number: u64,
    username: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Report {
    /// A report that is also written to a new file.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let create = |path: &Path| {
            let failed =
                |error| CliError::refused(format!("cannot create the report {}: {error}", path.display()));
            create_private(path).map(BufWriter::new).map_err(failed)
        };
        let file = path.map(create).transpose()?;
        Ok(Self { file, imported: 0, existing: 0, refused: 0, dropped_ids: 0, printed: Vec::new() })
    }

    pub(super) fn count_dropped_id(&mut self, is_dropped: bool) {
        self.dropped_ids += u64::from(is_dropped);
    }

    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), CliError> {
        let (outcome, reason) = match &entry.outcome {
            Outcome::Imported => {
                self.imported += 1;
                return Ok(());
            }
            Outcome::Exists => {
                self.existing += 1;
                ("exists", None)
            }
            Outcome::Refused(reason) => {
                self.refused += 1;
                if self.printed.len() < PRINTED {
                    let name = entry.username.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
                    self.printed.push(format!("line {}{name}: {reason}", entry.line));
                }
                ("refused", Some(reason.as_str()))
            }
        };
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = Line { number: entry.line, username: entry.username.as_deref(), outcome, reason };
        serde_json::to_writer(&mut *file, &line).map_err(std::io::Error::from)?;
        Ok(file.write_all(b"\n")?)
    }

    /// Writes the summary, and returns the number of refused records.
    pub(super) fn finish(mut self, is_dry_run: bool, out: &mut dyn Write) -> Result<u64, CliError> {
        for line in &self.printed {
            writeln!(out, "{line}")?;
        }
        let more = self.refused - self.printed.len() as u64;
        if more > 0 && self.file.is_none() {
            writeln!(out, "and {more} more; --report FILE writes all")?;
        }
        if self.dropped_ids > 0 {
            writeln!(out, "{} ids of another system are not kept", self.dropped_ids)?;
        }
        let Self { imported, existing, refused, .. } = self;
        let would = if is_dry_run { "would be imported" } else { "imported" };
        writeln!(out, "{imported} {would}, {existing} exist already, {refused} refused")?;
        out.flush()?;
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(refused)
    }
}
