//! CSV (RFC 4180) with a header line.

use std::{
    io::{self, BufReader, Read},
    rc::Rc,
};

use csv::{ReaderBuilder, StringRecord};

use super::{MAX_RECORD_BYTES, NumberedText, Refusal, input::Input, record::Record};

/// The rows of a table. It finds only where each begins and ends, so that it can bound their size and count lines; the
/// crate `csv` parses them.
pub(super) struct Table {
    bytes: io::Bytes<BufReader<Input>>,
    line: u64,
    text: Vec<u8>,
    header: Option<Rc<[String]>>,
}

/// The place of the next byte in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    StartOfField,
    Field,
    Quoted,
    /// After a quotation mark in a quoted field, which ends the field, unless it is doubled.
    Quote,
}

impl Table {
    pub(super) fn new(input: Input) -> Self {
        Self { bytes: BufReader::new(input).bytes(), line: 1, text: Vec::new(), header: None }
    }

    /// The next row, with the number of its first line.
    ///
    /// # Errors
    /// If the file cannot be read, has no header, or ends within a quoted field.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<Record, Refusal>)>> {
        let header = match &self.header {
            Some(header) => Rc::clone(header),
            None => self.read_header()?,
        };
        let Some((line, text)) = self.read_row()? else { return Ok(None) };
        let row = text.and_then(cells).and_then(|row| {
            let (expected, found) = (header.len(), row.len());
            if expected == found {
                Ok(Record::Row { header, row })
            } else {
                Err(Refusal::Columns { expected, found })
            }
        });
        Ok(Some((line, row)))
    }

    fn read_header(&mut self) -> io::Result<Rc<[String]>> {
        let broken =
            |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the header line: {why}"));
        let Some((_, text)) = self.read_row()? else { return Err(broken("the file is empty")) };
        let cells = text.and_then(cells).map_err(|why| broken(&why.to_string()))?;
        let header = cells.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Rc::clone(self.header.insert(header)))
    }

    /// The text of the next row that is not blank.
    fn read_row(&mut self) -> io::Result<Option<NumberedText<'_>>> {
        self.text.clear();
        let (mut begin, mut place, mut is_too_long) = (self.line, Place::StartOfField, false);
        loop {
            let Some(byte) = self.bytes.next().transpose()? else {
                if place == Place::Quoted {
                    let why = format!("the file ends within a quoted field of the row on line {begin}");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                break;
            };
            self.line += u64::from(byte == b'\n');
            place = match (place, byte) {
                (Place::Quoted, b'"') => Place::Quote,
                (Place::StartOfField | Place::Quote, b'"') | (Place::Quoted, _) => Place::Quoted,
                (_, b'\n') if self.text.trim_ascii().is_empty() && !is_too_long => {
                    self.text.clear();
                    begin = self.line;
                    Place::StartOfField
                }
                (_, b'\n') => break,
                (_, b',') => Place::StartOfField,
                _ => Place::Field,
            };
            if self.text.is_empty() && byte == b'\n' {
                continue;
            }
            is_too_long |= self.text.len() >= MAX_RECORD_BYTES;
            if !is_too_long {
                self.text.push(byte);
            }
        }
        // Spaces at the end may belong to a password.
        let text = self.text.strip_suffix(b"\r").unwrap_or(&self.text);
        Ok(match (is_too_long, text.is_empty()) {
            (true, _) => Some((begin, Err(Refusal::TooLong))),
            (false, true) => None,
            (false, false) => Some((begin, Ok(text))),
        })
    }
}

/// The cells of a row.
fn cells(text: &[u8]) -> Result<StringRecord, Refusal> {
    str::from_utf8(text).map_err(|_| Refusal::NotUtf8)?;
    let mut reader =
        ReaderBuilder::new().has_headers(false).buffer_capacity(text.len().max(1)).from_reader(text);
    let mut cells = StringRecord::new();
    reader.read_record(&mut cells).map_err(|_| Refusal::NotUtf8)?;
    Ok(cells)
}
