//! The memory that one worker hashes in.

use argon2::Block;
use secrecy::zeroize::Zeroize as _;

/// Argon2 blocks of 1 KiB, allocated at the first hash and used again by every later one until a long pause: fresh
/// pages from the kernel would cost as much time as a third of the hash.
///
/// What a hash leaves here tells more than its output does: the first blocks are one `BLAKE2b` away
/// from the password, so whoever reads them may guess without paying for Argon2. Hence
/// [`HashMemory::wipe`].
pub(super) struct HashMemory {
    blocks: Vec<Block>,
    /// How many blocks to keep between jobs.
    retained: usize,
    /// How many blocks from the start may hold traces.
    dirty: usize,
}

impl HashMemory {
    /// An memory that keeps up to `retained` blocks between jobs. Allocates nothing yet.
    pub(super) fn new(retained: usize) -> Self {
        Self { blocks: Vec::new(), retained, dirty: 0 }
    }

    /// `count` blocks with anything in them.
    ///
    /// # Errors
    /// [`argon2::Error::OutOfMemory`], where `vec!` would end the process.
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

    /// Gives back what a hash of a higher cost needed more than others.
    pub(super) fn shrink(&mut self) {
        if self.blocks.len() > self.retained {
            self.discard();
        }
    }

    /// Overwrites every trace of a password.
    pub(super) fn wipe(&mut self) {
        for block in &mut self.blocks[..self.dirty] {
            block.zeroize();
        }
        self.dirty = 0;
    }

    /// Gives all memory back, wiped.
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

    fn soil(memory: &mut HashMemory, count: usize) {
        for block in memory.blocks(count).expect("there is memory") {
            block.as_mut().fill(7);
        }
    }

    #[test]
    fn memory_is_allocated_once_and_wiped_whole() {
        let mut memory = HashMemory::new(4);
        assert_eq!(memory.blocks.capacity(), 0);
        soil(&mut memory, 2);
        let place = memory.blocks.as_ptr();
        soil(&mut memory, 4);
        memory.shrink();
        assert_eq!((memory.blocks.as_ptr(), memory.blocks.len()), (place, 4));
        memory.wipe();
        assert!(memory.blocks.iter().all(|b| b.as_ref() == [0; 128]));
    }

    #[test]
    fn what_a_higher_cost_needed_is_given_back() {
        let mut memory = HashMemory::new(4);
        soil(&mut memory, 64);
        memory.shrink();
        assert_eq!(memory.blocks.capacity(), 0);
        soil(&mut memory, 4);
        assert_eq!(memory.blocks.len(), 4);
    }

    #[test]
    fn memory_that_does_not_exist_is_an_error() {
        let refused = HashMemory::new(4).blocks(usize::MAX / 1024).map(|_| ());
        assert_eq!(refused, Err(argon2::Error::OutOfMemory));
    }
}
