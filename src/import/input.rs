//! The bytes of a file, counted.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// The maximum size of a record, bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The bytes of a file.
pub(super) struct Input {
    reader: Box<dyn Read>,
    count: Rc<Cell<u64>>,
}

impl Input {
    /// Counts the bytes that are read.
    pub(super) fn new(reader: Box<dyn Read>, count: Rc<Cell<u64>>) -> Self {
        Self { reader, count }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}
