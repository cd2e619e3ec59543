use std::io::{self, Write};

use chrono::SecondsFormat;
use serde::Serialize;

use super::error::CliError;
use crate::clock::Timestamp;

/// The output format of a list.
#[derive(clap::Args)]
pub(super) struct Format {
    /// Print the result as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Format {
    /// Writes a list, as a JSON document or as a table with a row for each item.
    pub(super) fn write<T: Serialize, const COLUMNS: usize>(
        &self,
        out: &mut dyn Write,
        head: [&str; COLUMNS],
        items: &[T],
        row: impl Fn(&T) -> [String; COLUMNS],
    ) -> Result<(), CliError> {
        if self.json {
            return json(out, &items);
        }
        let rows: Vec<_> = items.iter().map(row).collect();
        Ok(table(out, head, &rows)?)
    }
}

/// Writes one JSON document.
pub(super) fn json(out: &mut dyn Write, document: &impl Serialize) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, document).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Writes aligned columns.
fn table<const COLUMNS: usize>(
    out: &mut dyn Write,
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> io::Result<()> {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut line = |cells: [&str; COLUMNS]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    line(head)?;
    rows.iter().try_for_each(|row| line(row.each_ref().map(String::as_str)))
}

/// A time in RFC 3339, without fractions of a second.
pub(super) fn time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The text, or a dash if there is none.
pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}
