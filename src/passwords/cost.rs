//! What one hash costs.

use argon2::Params;

/// The dearest memory that we give to one hash, KiB: 1 GiB. A stored hash that asks for more is
/// damaged, or meant to bring us down.
const MAX_MEMORY_KIB: u32 = 1 << 20;

/// The most memory that one hash may write over all its passes, KiB: 4 GiB, some seconds of one
/// core.
const MAX_WRITTEN_KIB: u64 = 1 << 22;

/// Argon2 divides a lane into four slices of at least two blocks of 1 KiB (RFC 9106 §3.1).
const MIN_KIB_PER_LANE: u32 = 8;

/// The length of the hashes that we make, bytes (RFC 9106 §4 recommends 256 bits).
pub(super) const OUTPUT_BYTES: usize = 32;

/// What one Argon2id hash costs (RFC 9106). The default is OWASP's: 19456 KiB, 2 passes, 1 lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argon2Cost(Params);

impl Argon2Cost {
    /// Memory in KiB, passes over it, and lanes. Lanes are computed one after the other: the pool
    /// already keeps every core busy.
    ///
    /// # Errors
    /// [`InvalidArgon2Cost`] names the parameter that is out of range and its range.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidArgon2Cost> {
        if !(1..=MAX_MEMORY_KIB / MIN_KIB_PER_LANE).contains(&lanes) {
            return Err(InvalidArgon2Cost::Lanes);
        }
        let least = MIN_KIB_PER_LANE * lanes;
        if !(least..=MAX_MEMORY_KIB).contains(&memory_kib) {
            return Err(InvalidArgon2Cost::Memory { least });
        }
        let most = MAX_WRITTEN_KIB / u64::from(memory_kib);
        if !(1..=most).contains(&u64::from(passes)) {
            return Err(InvalidArgon2Cost::Passes { memory_kib, most });
        }
        Params::new(memory_kib, passes, lanes, Some(OUTPUT_BYTES))
            .map(Self)
            .map_err(InvalidArgon2Cost::Argon2)
    }

    /// As Argon2 takes it.
    pub(super) fn params(&self) -> &Params {
        &self.0
    }

    /// KiB written over all passes; what the time of a hash is proportional to.
    pub(super) fn written_kib(&self) -> u64 {
        u64::from(self.0.m_cost()) * u64::from(self.0.t_cost())
    }
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self::new(19_456, 2, 1).expect("the default cost is within the limits")
    }
}

/// A cost that no hash can or should have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArgon2Cost {
    /// Too little or too much memory.
    #[error("memory must be from {least} KiB (8 a lane) to {MAX_MEMORY_KIB} KiB")]
    Memory {
        /// The least for this number of lanes, KiB.
        least: u32,
    },
    /// No pass, or so many that a hash would take too long.
    #[error("passes must be from 1 to {most} with {memory_kib} KiB of memory")]
    Passes {
        /// The memory that was asked for, KiB.
        memory_kib: u32,
        /// The most passes over that memory.
        most: u64,
    },
    /// No lane, or more than fit into the most memory.
    #[error("lanes must be from 1 to {}", MAX_MEMORY_KIB / MIN_KIB_PER_LANE)]
    Lanes,
    /// Argon2 itself refuses.
    #[error(transparent)]
    Argon2(argon2::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_outside_the_limits_is_refused_with_what_would_be_right() {
        let refusal = |m, t, p| Argon2Cost::new(m, t, p).expect_err("out of range").to_string();
        assert_eq!(refusal(15, 1, 2), "memory must be from 16 KiB (8 a lane) to 1048576 KiB");
        assert_eq!(refusal(u32::MAX, 1, 1), "memory must be from 8 KiB (8 a lane) to 1048576 KiB");
        assert_eq!(refusal(1 << 20, 5, 1), "passes must be from 1 to 4 with 1048576 KiB of memory");
        assert_eq!(refusal(8, 0, 1), "passes must be from 1 to 524288 with 8 KiB of memory");
        assert_eq!(refusal(8, 1, 0), "lanes must be from 1 to 131072");
        assert_eq!(refusal(8, 1, u32::MAX), "lanes must be from 1 to 131072");
    }

    #[test]
    fn the_least_and_the_most_are_allowed() {
        assert!(Argon2Cost::new(8, 1, 1).is_ok());
        assert!(Argon2Cost::new(1 << 20, 4, 1).is_ok());
    }
}
