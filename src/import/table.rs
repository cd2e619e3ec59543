//! CSV (RFC 4180) with a header line.

use std::{io, rc::Rc};

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::{
    Refusal,
    input::{ByteCount, Input},
    record::Record,
};

/// The rows of a table.
pub(super) struct Table {
    reader: Reader<Input>,
    count: ByteCount,
    header: Option<Rc<[String]>>,
}

impl Table {
    pub(super) fn new(input: Input, count: ByteCount) -> Self {
        count.begin_record();
        Self { reader: ReaderBuilder::new().from_reader(input), count, header: None }
    }

    /// The next row, with the number of its first line.
    ///
    /// # Errors
    /// If the file cannot be read, or has no header.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<Record, Refusal>)>> {
        let header = self.header()?;
        self.count.begin_record();
        let mut row = ByteRecord::new();
        let line_before = self.reader.position().line();
        match self.reader.read_byte_record(&mut row) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = row.position().map_or(line_before, csv::Position::line);
                let row = StringRecord::from_byte_record(row).map_err(|_| Refusal::NotUtf8);
                Ok(Some((line, row.map(|row| Record::Row { header, row }))))
            }
            Err(error) => match error.kind() {
                ErrorKind::UnequalLengths { pos, expected_len, len } => {
                    let line = pos.as_ref().map_or(line_before, csv::Position::line);
                    let refusal = Refusal::Columns { expected: *expected_len, found: *len };
                    Ok(Some((line, Err(refusal))))
                }
                _ => Err(error.into()),
            },
        }
    }

    fn header(&mut self) -> io::Result<Rc<[String]>> {
        if let Some(header) = &self.header {
            return Ok(Rc::clone(header));
        }
        let header: Rc<[String]> = self.reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Rc::clone(self.header.insert(header)))
    }
}
