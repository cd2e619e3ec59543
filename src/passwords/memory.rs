//! The memory in which a worker hashes.

use argon2::Block;
use secrecy::zeroize::Zeroize as _;

/// Argon2 blocks of 1 KiB. They are allocated for the first hash and reused until a long pause, because new pages
/// from the kernel would cost a third of the time of a hash.
///
/// The contents reveal more than the output of a hash: the first blocks are one `BLAKE2b` away from the password, so an
/// attacker who reads them can guess passwords without the cost of Argon2. Therefore they are wiped:
/// [`HashMemory::wipe`].
pub(super) struct HashMemory {
    blocks: Vec<Block>,
    /// Number of blocks that are retained between jobs.
    retained: usize,
    /// Number of blocks from the start that may contain traces of a password.
    dirty: usize,
}

impl HashMemory {
    /// Creates a memory that retains up to `retained` blocks between jobs. Allocates nothing yet.
    pub(super) fn new(retained: usize) -> Self {
        Self { blocks: Vec::new(), retained, dirty: 0 }
    }

    /// Returns `count` blocks with arbitrary contents.
    ///
    /// # Errors
    /// [`argon2::Error::OutOfMemory`], while `vec!` would abort the process.
    pub(super) fn blocks(&mut self, count: usize) -> argon2::Result<&mut [Block]> {
        if self.blocks.len() < count {
            self.discard();
            let wanted = count.max(self.retained);
            self.blocks.try_reserve_exact(wanted).map_err(|_| argon2::Error::OutOfMemory)?;
            self.blocks.resize(wanted, Block::new());
        }
        self.dirty = self.dirty.max(count);
        Ok(&mut self.blocks[..count])
    }

    /// Releases the memory if a hash of a higher cost needed more than is retained.
    pub(super) fn shrink(&mut self) {
        if self.blocks.len() > self.retained {
            self.discard();
        }
    }

    /// Overwrites all traces of passwords.
    pub(super) fn wipe(&mut self) {
        for block in &mut self.blocks[..self.dirty] {
            block.zeroize();
        }
        self.dirty = 0;
    }

    /// Wipes and releases all memory.
    pub(super) fn discard(&mut self) {
        self.wipe();
        self.blocks = Vec::new();
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_dirty(memory: &mut HashMemory, count: usize) {
        for block in memory.blocks(count).expect("there is memory") {
            block.as_mut().fill(7);
        }
    }

    #[test]
    fn memory_is_allocated_once_and_wiped_whole() {
        let mut memory = HashMemory::new(4);
        assert_eq!(memory.blocks.capacity(), 0);
        make_dirty(&mut memory, 2);
        let address = memory.blocks.as_ptr();
        make_dirty(&mut memory, 4);
        memory.shrink();
        assert_eq!((memory.blocks.as_ptr(), memory.blocks.len()), (address, 4));
        memory.wipe();
        assert!(memory.blocks.iter().all(|b| b.as_ref() == [0; 128]));
    }

    #[test]
    fn memory_beyond_the_retained_blocks_is_released() {
        let mut memory = HashMemory::new(4);
        make_dirty(&mut memory, 64);
        memory.shrink();
        assert_eq!(memory.blocks.capacity(), 0);
        make_dirty(&mut memory, 4);
        assert_eq!(memory.blocks.len(), 4);
    }

    #[test]
    fn a_failed_allocation_is_an_error() {
        let result = HashMemory::new(4).blocks(usize::MAX / 1024).map(|_| ());
        assert_eq!(result, Err(argon2::Error::OutOfMemory));
    }
}
