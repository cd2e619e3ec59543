//! The cost of a hash.

use argon2::Params;

/// The maximum memory of one hash, KiB: 1 GiB. A stored hash with more is damaged, or an attempt to exhaust the memory.
const MAX_MEMORY_KIB: u32 = 1 << 20;

/// The maximum memory that one hash may write in all its passes, KiB: 4 GiB, which takes some seconds of one core.
const MAX_WRITTEN_KIB: u64 = 1 << 22;

/// The minimum memory of a lane, KiB. Argon2 divides a lane into four slices of at least two blocks of 1 KiB (RFC 9106
/// §3.1).
const MIN_KIB_PER_LANE: u32 = 8;

/// The size of new hashes, bytes (RFC 9106 §4 recommends 256 bits).
pub(super) const OUTPUT_BYTES: usize = 32;

/// The cost parameters of an Argon2id hash (RFC 9106). The default is OWASP's: 19456 KiB, 2 passes, 1 lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argon2Cost(Params);

impl Argon2Cost {
    /// Creates a cost of memory in KiB, passes over it, and lanes. Lanes are computed sequentially, because the pool
    /// already keeps all cores busy.
    ///
    /// # Errors
    /// [`InvalidArgon2Cost`], with the parameter that is out of range and its range.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidArgon2Cost> {
        if !(1..=MAX_MEMORY_KIB / MIN_KIB_PER_LANE).contains(&lanes) {
            return Err(InvalidArgon2Cost::Lanes);
        }
        let min = MIN_KIB_PER_LANE * lanes;
        if !(min..=MAX_MEMORY_KIB).contains(&memory_kib) {
            return Err(InvalidArgon2Cost::Memory { min });
        }
        let max = MAX_WRITTEN_KIB / u64::from(memory_kib);
        if !(1..=max).contains(&u64::from(passes)) {
            return Err(InvalidArgon2Cost::Passes { memory_kib, max });
        }
        Params::new(memory_kib, passes, lanes, Some(OUTPUT_BYTES))
            .map(Self)
            .map_err(InvalidArgon2Cost::Argon2)
    }

    /// The parameters for the `argon2` crate.
    pub(super) fn params(&self) -> &Params {
        &self.0
    }

    /// Memory that all passes write, KiB. The time of a hash is proportional to it.
    pub(super) fn written_kib(&self) -> u64 {
        u64::from(self.0.m_cost()) * u64::from(self.0.t_cost())
    }
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self::new(19_456, 2, 1).expect("the default cost is within the limits")
    }
}

/// A cost parameter that is out of range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArgon2Cost {
    /// Too little or too much memory.
    #[error("memory must be from {min} KiB (8 per lane) to {MAX_MEMORY_KIB} KiB")]
    Memory {
        /// The minimum for this number of lanes, KiB.
        min: u32,
    },
    /// No passes, or so many that a hash would take too long.
    #[error("passes must be from 1 to {max} with {memory_kib} KiB of memory")]
    Passes {
        /// The given memory, KiB.
        memory_kib: u32,
        /// The maximum number of passes over that memory.
        max: u64,
    },
    /// No lanes, or more than the maximum memory can contain.
    #[error("lanes must be from 1 to {}", MAX_MEMORY_KIB / MIN_KIB_PER_LANE)]
    Lanes,
    /// The `argon2` crate rejects the parameters.
    #[error(transparent)]
    Argon2(argon2::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_outside_the_limits_is_rejected_with_the_valid_range() {
        let error = |m, t, p| Argon2Cost::new(m, t, p).expect_err("out of range").to_string();
        assert_eq!(error(15, 1, 2), "memory must be from 16 KiB (8 per lane) to 1048576 KiB");
        assert_eq!(error(u32::MAX, 1, 1), "memory must be from 8 KiB (8 per lane) to 1048576 KiB");
        assert_eq!(error(1 << 20, 5, 1), "passes must be from 1 to 4 with 1048576 KiB of memory");
        assert_eq!(error(8, 0, 1), "passes must be from 1 to 524288 with 8 KiB of memory");
        assert_eq!(error(8, 1, 0), "lanes must be from 1 to 131072");
        assert_eq!(error(8, 1, u32::MAX), "lanes must be from 1 to 131072");
    }

    #[test]
    fn the_minimum_and_the_maximum_are_allowed() {
        assert!(Argon2Cost::new(8, 1, 1).is_ok());
        assert!(Argon2Cost::new(1 << 20, 4, 1).is_ok());
    }
}
