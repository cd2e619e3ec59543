//! The bytes of a file, counted.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// The maximum size of a record, bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The bytes of a file. It fails at the limit of the record that is being read.
pub(super) struct Input {
    reader: Box<dyn Read>,
    count: ByteCount,
}

/// The number of bytes that were read from an [`Input`].
#[derive(Clone, Default)]
pub(super) struct ByteCount(Rc<Counts>);

#[derive(Default)]
struct Counts {
    read: Cell<u64>,
    limit: Cell<Option<u64>>,
}

impl ByteCount {
    pub(super) fn get(&self) -> u64 {
        self.0.read.get()
    }

    /// Begins a record: from here on, reading fails after [`MAX_RECORD_BYTES`] and what a reader may have in its buffer.
    pub(super) fn begin_record(&self) {
        let buffered = 64 * 1024;
        self.0.limit.set(Some(self.get() + (MAX_RECORD_BYTES + buffered) as u64));
    }
}

impl Input {
    pub(super) fn new(reader: Box<dyn Read>, count: ByteCount) -> Self {
        Self { reader, count }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let counts = &self.count.0;
        if counts.limit.get().is_some_and(|limit| counts.read.get() > limit) {
            return Err(io::Error::other("a record is longer than 1 MiB; a quotation mark may be missing"));
        }
        let read = self.reader.read(buffer)?;
        counts.read.set(counts.read.get() + read as u64);
        Ok(read)
    }
}
