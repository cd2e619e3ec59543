//! JSON Lines (<https://jsonlines.org>), as `mongoexport` writes them.

use std::io::{self, BufRead, BufReader, Read};

use super::{MAX_RECORD_BYTES, NumberedText, Refusal, input::Input};

/// The lines of a file.
pub(super) struct Lines {
    reader: BufReader<Input>,
    line: u64,
    text: Vec<u8>,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        Self { reader: BufReader::new(input), line: 0, text: Vec::new() }
    }

    /// The next line that is not blank, with its number.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<NumberedText<'_>>> {
        loop {
            self.text.clear();
            let max = MAX_RECORD_BYTES as u64 + 1;
            if self.reader.by_ref().take(max).read_until(b'\n', &mut self.text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if self.text.len() > MAX_RECORD_BYTES && !self.text.ends_with(b"\n") {
                self.reader.skip_until(b'\n')?;
                return Ok(Some((self.line, Err(Refusal::TooLong))));
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(Some((self.line, Ok(self.text.trim_ascii()))));
            }
        }
    }
}
