//! An array of JSON objects: `[{…}, …]` as `mongoexport --jsonArray` writes it, or `{"users": [{…}, …]}` as Firebase does.

use std::io::{self, BufReader, Read};

use super::{MAX_RECORD_BYTES, NumberedText, Refusal, input::Input};

/// The objects of an array. It finds only the start and the end of each object. The errors within an
/// object are found when the object is parsed.
pub(super) struct Objects {
    bytes: io::Bytes<BufReader<Input>>,
    line: u64,
    place: Place,
    text: Vec<u8>,
}

/// The place of the next byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

/// The part of an object to which its bytes belong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Structure,
    String,
    /// The byte after a backslash.
    Escaped,
}

impl Objects {
    pub(super) fn new(input: Input) -> Self {
        Self { bytes: BufReader::new(input).bytes(), line: 1, place: Place::Before, text: Vec::new() }
    }

    /// The next object, with the number of the line on which it begins.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such an array.
    pub(super) fn next(&mut self) -> io::Result<Option<NumberedText<'_>>> {
        while self.place != Place::After {
            let Some(byte) = self.read()? else { return Err(self.broken("the file ends within the array")) };
            match (self.place, byte) {
                (Place::Before, b'[') => self.place = Place::Inside,
                (Place::Inside, b']') => self.place = Place::After,
                (Place::Inside, b'{') => return self.object().map(Some),
                (Place::Inside, b',' | b' ' | b'\t' | b'\r' | b'\n') | (Place::Before, _) => {}
                _ => return Err(self.broken("the array contains something that is not an object")),
            }
        }
        Ok(None)
    }

    /// Reads an object whose first brace was read.
    fn object(&mut self) -> io::Result<NumberedText<'_>> {
        let (begin, mut depth, mut part) = (self.line, 1, Part::Structure);
        self.text.clear();
        self.text.push(b'{');
        let mut is_too_long = false;
        while depth > 0 {
            let Some(byte) = self.read()? else { return Err(self.broken("the file ends within an object")) };
            part = match (part, byte) {
                (Part::String, b'\\') => Part::Escaped,
                (Part::Structure, b'"') | (Part::Escaped, _) => Part::String,
                (Part::String, b'"') => Part::Structure,
                (part, _) => part,
            };
            if part == Part::Structure {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
            }
            is_too_long |= self.text.len() >= MAX_RECORD_BYTES;
            if !is_too_long {
                self.text.push(byte);
            }
        }
        Ok((begin, if is_too_long { Err(Refusal::TooLong) } else { Ok(&self.text) }))
    }

    fn read(&mut self) -> io::Result<Option<u8>> {
        let byte = self.bytes.next().transpose()?;
        self.line += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }

    fn broken(&self, why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{why} (line {})", self.line))
    }
}
