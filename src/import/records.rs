//! The records of a file in any format.

use std::{
    cell::Cell,
    io::{self, Cursor, Read},
    rc::Rc,
};

use super::{Refusal, array::Objects, input::Input, lines::Lines, record::Record, table::Table};

/// The number of bytes by which a format is recognised.
const SNIFFED_BYTES: u64 = 1024;

/// The byte order mark of UTF-8, which some programs write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object on each line (JSON Lines, mongoexport)
    Jsonl,
    /// An array of JSON objects (mongoexport --jsonArray), also as the member `users` of an object (Firebase)
    Json,
    /// A table with a header line
    Csv,
}

/// A record with its place in the file.
pub struct NumberedRecord {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The record, or the reason why it cannot be read.
    pub(super) record: Result<Record, Refusal>,
}

/// The records of a file.
pub struct Records {
    reader: RecordReader,
    count: Rc<Cell<u64>>,
}

enum RecordReader {
    Lines(Lines),
    Objects(Objects),
    Table(Table),
}

/// An error after which no further record can be found.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is in another encoding.
    #[error("the file is encoded in UTF-16; convert it to UTF-8")]
    Utf16,
    /// The file cannot be read, or is broken.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Records {
    /// Begins to read a file. Without a format, it is recognised by its first bytes: CSV is not recognised.
    ///
    /// # Errors
    /// If the file cannot be read or is encoded in UTF-16.
    pub fn open(mut file: Box<dyn Read>, format: Option<Format>) -> Result<Self, ReadError> {
        let mut start = Vec::new();
        file.by_ref().take(SNIFFED_BYTES).read_to_end(&mut start)?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(ReadError::Utf16);
        }
        let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start).to_owned();
        let format = format.unwrap_or_else(|| recognise(&start));
        let count = Rc::new(Cell::new(0));
        let input = Input::new(Box::new(Cursor::new(start).chain(file)), Rc::clone(&count));
        let reader = match format {
            Format::Jsonl => RecordReader::Lines(Lines::new(input)),
            Format::Json => RecordReader::Objects(Objects::new(input)),
            Format::Csv => RecordReader::Table(Table::new(input)),
        };
        Ok(Self { reader, count })
    }

    /// The next record.
    ///
    /// # Errors
    /// If no further record can be found.
    pub fn read(&mut self) -> Result<Option<NumberedRecord>, ReadError> {
        let found = match &mut self.reader {
            RecordReader::Lines(lines) => {
                lines.next()?.map(|(line, text)| (line, text.and_then(Record::parse)))
            }
            RecordReader::Objects(objects) => {
                objects.next()?.map(|(line, text)| (line, text.and_then(Record::parse)))
            }
            RecordReader::Table(table) => table.next()?,
        };
        Ok(found.map(|(line, record)| NumberedRecord { line, record }))
    }

    /// The number of bytes that were read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.count.get()
    }
}

/// The format of a file that is not a table.
fn recognise(start: &[u8]) -> Format {
    let start: Vec<u8> = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(10).collect();
    if start.starts_with(b"[") || start.starts_with(b"{\"users\":[") { Format::Json } else { Format::Jsonl }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of all records, and whether the file was read to its end.
    fn read(file: &[u8], format: Format) -> (Vec<u64>, bool) {
        let mut records =
            Records::open(Box::new(Cursor::new(file.to_vec())), Some(format)).expect("it is UTF-8");
        let mut lines = Vec::new();
        loop {
            match records.read() {
                Ok(Some(record)) => lines.push(record.line),
                Ok(None) => return (lines, true),
                Err(_) => return (lines, false),
            }
        }
    }

    #[test]
    fn records_are_numbered_by_their_first_line() {
        let table = b"a,b\n\n1,\"x\ny\"\r\n\r\n \n2,\"\"\"\"\n3,z";
        assert_eq!(read(table, Format::Csv), (vec![3, 7, 8], true));
        assert_eq!(read(b"a\n\xff", Format::Csv), (vec![2], true));
        assert_eq!(read(b"a\n\"", Format::Csv), (vec![], false));
        assert_eq!(read(b"", Format::Csv), (vec![], false), "there is no header");
        let objects = b"[ {\"a\": \"}]\\\"\"},\n\n{\"b\":\n{}}] trailing";
        assert_eq!(read(objects, Format::Json), (vec![1, 3], true));
        assert_eq!(read(b"[{}", Format::Json), (vec![1], false));
        assert_eq!(read(b"\n{}\n\n{", Format::Jsonl), (vec![2, 4], true));
    }

    proptest! {
        #[test]
        fn any_file_is_read_to_an_end(text in "([\\[\\]{}\",:\\\\ \r\na1]|\\PC){0,200}") {
            for format in [Format::Jsonl, Format::Json, Format::Csv] {
                let (lines, _) = read(text.as_bytes(), format);
                let newlines = text.bytes().filter(|byte| *byte == b'\n').count() as u64;
                prop_assert!(lines.iter().all(|line| *line <= newlines + 1), "{lines:?}");
                prop_assert!(lines.is_sorted(), "{lines:?}");
            }
        }
    }
}
