use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{Impossible, require};

/// `[passwords]`: the policy, and what a hash costs (Argon2id, RFC 9106).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordsConfig {
    /// The fewest characters of a new password, after NFKC.
    pub min_length: usize,
    /// The most characters of a new password, after NFKC.
    pub max_length: usize,
    /// The least score that zxcvbn may give: 0 (anything) to 4 (very hard to guess).
    pub min_score: u8,
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes of one hash.
    pub parallelism: u32,
    /// How many hashes are computed at once. Without it, one for each core.
    pub workers: Option<NonZeroUsize>,
    /// How many more may wait; the next is refused with `SERVICE_UNAVAILABLE`.
    pub queue: usize,
}

impl Default for PasswordsConfig {
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 256,
            min_score: 2,
            memory_kib: 19456,
            iterations: 2,
            parallelism: 1,
            workers: None,
            queue: 256,
        }
    }
}

impl PasswordsConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        require((1..=64).contains(&self.min_length), "passwords.min_length", "must be between 1 and 64")?;
        require(
            (self.min_length.max(64)..=256).contains(&self.max_length),
            "passwords.max_length",
            "must be between 64 and 256",
        )?;
        require(self.min_score <= 4, "passwords.min_score", "must be between 0 and 4")?;
        require((1..=16).contains(&self.parallelism), "passwords.parallelism", "must be between 1 and 16")?;
        require((1..=100).contains(&self.iterations), "passwords.iterations", "must be between 1 and 100")?;
        let least = 8 * self.parallelism;
        require(
            (least..=1024 * 1024).contains(&self.memory_kib),
            "passwords.memory_kib",
            format!("must be between {least} (8 for each lane) and 1048576"),
        )?;
        let work_kib = u64::from(self.memory_kib) * u64::from(self.iterations);
        require(
            work_kib <= 4 * 1024 * 1024,
            "passwords.iterations",
            "times passwords.memory_kib must be at most 4194304: 4 GiB of work for one hash",
        )?;
        let workers = self.workers.map_or(1, NonZeroUsize::get);
        require((1..=256).contains(&workers), "passwords.workers", "must be between 1 and 256")?;
        require((1..=100_000).contains(&self.queue), "passwords.queue", "must be between 1 and 100000")
    }
}
