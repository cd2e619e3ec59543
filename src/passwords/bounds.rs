//! Bounds of the cost of imported hashes, and the memory that they share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{cost::Argon2Cost, stored::MalformedHash};

/// The maximum number of passes of an imported Argon2 hash, unless new hashes have more.
const MAX_PASSES: u32 = 20;

/// The bounds of imported hashes that depend on the configuration. The others are constants of each scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashBounds {
    memory_kib: u32,
    passes: u32,
}

impl HashBounds {
    /// Creates the bounds from the cost of new hashes and the maximum memory of imported ones, KiB. A hash with the cost
    /// of new hashes is always within the bounds.
    #[must_use]
    pub fn new(cost: &Argon2Cost, imported_memory_kib: u32) -> Self {
        let params = cost.params();
        Self { memory_kib: imported_memory_kib.max(params.m_cost()), passes: MAX_PASSES.max(params.t_cost()) }
    }

    /// The maximum memory of a hash, KiB.
    pub(super) const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// The maximum number of passes of Argon2.
    pub(super) const fn passes(self) -> u32 {
        self.passes
    }
}

/// Checks a parameter of a hash.
///
/// # Errors
/// [`MalformedHash::Bound`].
pub(super) fn within(
    parameter: &'static str,
    value: impl Into<u64>,
    (min, max): (impl Into<u64>, impl Into<u64>),
) -> Result<(), MalformedHash> {
    let (min, max) = (min.into(), max.into());
    if (min..=max).contains(&value.into()) {
        Ok(())
    } else {
        Err(MalformedHash::Bound { parameter, min, max })
    }
}

/// The memory for hashes that need more than a worker has. Workers share it, so that imported hashes together take no
/// more than is configured. A worker waits until there is enough.
pub(super) struct MemoryBudget {
    total_kib: u32,
    free_kib: Mutex<u32>,
    released: Condvar,
    /// Held by the one worker that waits for memory, so that others with smaller hashes do not overtake it for ever.
    turn: Mutex<()>,
}

/// A part of the budget. It is returned on drop.
pub(super) struct ReservedMemory<'a> {
    budget: &'a MemoryBudget,
    kib: u32,
}

impl MemoryBudget {
    pub(super) fn new(total_kib: u32) -> Self {
        Self { total_kib, free_kib: Mutex::new(total_kib), released: Condvar::new(), turn: Mutex::new(()) }
    }

    /// Waits for this much memory. A hash that needs more than there is, because the cost of new hashes was higher when
    /// it was made, takes all.
    pub(super) fn reserve(&self, kib: u32) -> ReservedMemory<'_> {
        let kib = kib.min(self.total_kib);
        if kib > 0 {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut free = self.free();
            while *free < kib {
                free = self.released.wait(free).unwrap_or_else(PoisonError::into_inner);
            }
            *free -= kib;
        }
        ReservedMemory { budget: self, kib }
    }

    fn free(&self) -> MutexGuard<'_, u32> {
        self.free_kib.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReservedMemory<'_> {
    fn drop(&mut self) {
        *self.budget.free() += self.kib;
        self.budget.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn workers_together_reserve_no_more_than_there_is() {
        let budget = MemoryBudget::new(100);
        let (used, highest) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (budget, used, highest) = (&budget, &used, &highest);
                scope.spawn(move || {
                    for round in 0..500 {
                        let kib = [1, 30, 64, 100, 1000][(worker + round) % 5];
                        let reserved = budget.reserve(kib);
                        let now = used.fetch_add(reserved.kib, Ordering::SeqCst) + reserved.kib;
                        highest.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        used.fetch_sub(reserved.kib, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((64..=100).contains(&highest.into_inner()), "more than one at a time, and never too many");
        assert_eq!(*budget.free(), 100, "all is returned");
    }

    #[test]
    fn what_a_worker_has_already_is_not_reserved() {
        let budget = MemoryBudget::new(10);
        let all = budget.reserve(20);
        assert_eq!(all.kib, 10);
        assert_eq!(budget.reserve(0).kib, 0, "it does not wait");
    }
}
