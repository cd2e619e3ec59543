use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure};

/// `[passwords]`: the password policy and the cost of a hash (Argon2id, RFC 9106).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PasswordsConfig {
    /// The minimum number of characters of a new password, after Unicode normalization (NFKC).
    pub min_length: usize,
    /// The maximum number of characters of a new password, after Unicode normalization (NFKC).
    pub max_length: usize,
    /// The minimum zxcvbn score of a new password: 0 (any password) to 4 (very hard to guess).
    pub min_score: u8,
    /// The memory of one hash, in KiB.
    pub memory_kib: u32,
    /// The number of passes over the memory.
    pub iterations: u32,
    /// The number of lanes of one hash.
    pub parallelism: u32,
    /// The memory that imported hashes may take at the same time beside that of the workers, in KiB. An imported hash
    /// that needs more is refused.
    pub imported_memory_kib: u32,
    /// The number of hashes that are computed concurrently. Default: the number of cores.
    pub workers: Option<NonZeroUsize>,
    /// The maximum number of hashes that wait for a worker. A further one fails with `SERVICE_UNAVAILABLE`.
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
            imported_memory_kib: 128 * 1024,
            workers: None,
            queue: 256,
        }
    }
}

impl PasswordsConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure((1..=64).contains(&self.min_length), "passwords.min_length", "must be between 1 and 64")?;
        ensure(
            (self.min_length.max(64)..=256).contains(&self.max_length),
            "passwords.max_length",
            "must be between 64 and 256",
        )?;
        ensure(self.min_score <= 4, "passwords.min_score", "must be between 0 and 4")?;
        ensure((1..=16).contains(&self.parallelism), "passwords.parallelism", "must be between 1 and 16")?;
        ensure((1..=100).contains(&self.iterations), "passwords.iterations", "must be between 1 and 100")?;
        let min = 8 * self.parallelism;
        ensure(
            (min..=1024 * 1024).contains(&self.memory_kib),
            "passwords.memory_kib",
            format!("must be between {min} (8 for each of passwords.parallelism) and 1048576"),
        )?;
        let work_kib = u64::from(self.memory_kib) * u64::from(self.iterations);
        ensure(
            work_kib <= 4 * 1024 * 1024,
            "passwords.iterations",
            "times passwords.memory_kib must be at most 4194304 (4 GiB of work for one hash)",
        )?;
        ensure(
            (1024..=1024 * 1024).contains(&self.imported_memory_kib),
            "passwords.imported_memory_kib",
            "must be between 1024 and 1048576",
        )?;
        let workers = self.workers.map_or(1, NonZeroUsize::get);
        ensure((1..=256).contains(&workers), "passwords.workers", "must be between 1 and 256")?;
        ensure((1..=100_000).contains(&self.queue), "passwords.queue", "must be between 1 and 100000")
    }
}
