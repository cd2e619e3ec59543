//! Hashing and verification of passwords, outside of the async threads.

use std::{io, net::IpAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use aws_lc_rs::{error::Unspecified, rand::SecureRandom};

use super::{
    argon2_hash::{Argon2Hash, new_salt},
    bounds::{HashBounds, MemoryBudget},
    cost::Argon2Cost,
    memory::HashMemory,
    password::{NewPassword, PasswordAttempt},
    pool::{JobError, Pool},
    queue::Requester,
    stored::{MalformedHash, StoredHash},
};

/// Memory that one core of a common server writes while hashing, KiB per second. An estimate suffices, because it only
/// determines the retry delay of a full queue.
const WRITTEN_KIB_PER_SECOND: u64 = 1 << 20;

/// Hashes and verifies passwords on its own threads. Jobs wait in a bounded queue that is fair to networks and
/// accounts. Clones are cheap and share the threads, which end once the last clone is dropped and the queue is empty.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
    /// The client for which the jobs are queued.
    requester: Requester,
    parameters: Arc<HashParameters>,
    retry_after: Duration,
    queue_len: NonZeroUsize,
}

/// Parameters of hashing, shared with the threads.
struct HashParameters {
    cost: Argon2Cost,
    /// The bounds of imported hashes.
    bounds: HashBounds,
    /// The memory of hashes that need more than a worker has.
    budget: MemoryBudget,
    random: Arc<dyn SecureRandom + Send + Sync>,
    /// The hash against which the password of an unknown user is verified.
    dummy: StoredHash,
}

/// The result of verifying a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationResult {
    /// The password matches the stored hash.
    Match {
        /// The PHC string that must replace the stored one. `None` if the stored one has the current algorithm and
        /// cost.
        replacement: Option<String>,
    },
    /// The password does not match, or there is no stored hash.
    Mismatch,
}

impl Hasher {
    /// Starts `workers` threads, best one per core, with a queue of up to `queue` jobs. Each thread has its own
    /// memory, of the size that `cost` requires. Hashes that need more memory share that of `bounds`.
    ///
    /// # Errors
    /// If the system provides no threads or no random bytes.
    pub fn start(
        cost: Argon2Cost,
        bounds: HashBounds,
        workers: NonZeroUsize,
        queue: NonZeroUsize,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, HasherStartError> {
        let dummy = Argon2Hash::dummy(&cost, &*random).map_err(HasherStartError::Random)?;
        let dummy = StoredHash::Own(dummy);
        let pool = Pool::start(workers, queue, cost.params().block_count());
        Ok(Self {
            pool: Arc::new(pool.map_err(HasherStartError::Threads)?),
            requester: Requester::server(),
            retry_after: time_to_empty(queue, workers, &cost),
            queue_len: queue,
            parameters: Arc::new(HashParameters {
                cost,
                bounds,
                budget: MemoryBudget::new(bounds.memory_kib()),
                random,
                dummy,
            }),
        })
    }

    /// Returns the same hasher, with jobs that are queued for a client at `address` and its `account`. The account
    /// need not exist. When the queue is full, the network with the most jobs loses its newest job.
    #[must_use]
    pub fn on_behalf_of(&self, address: IpAddr, account: &str) -> Self {
        Self { requester: Requester::client(address, account), ..self.clone() }
    }

    /// Hashes a new password to the PHC string to store.
    ///
    /// # Errors
    /// [`HashError::QueueFull`] as soon as the queue rejects the job.
    pub async fn hash(&self, password: &NewPassword) -> Result<String, HashError> {
        let (password, parameters) = (password.clone(), Arc::clone(&self.parameters));
        self.run(move |memory| parameters.hash(password.text(), memory)).await?
    }

    /// Verifies a password against the stored hash of its account. Without an account, `stored` is `None` and
    /// verification takes the same time, so that an attacker cannot tell whether the account exists.
    ///
    /// # Errors
    /// [`HashError::QueueFull`], as soon as the queue rejects the job. [`HashError::Malformed`] if `stored` is
    /// damaged, after the time of a verification: log it, and respond as for [`VerificationResult::Mismatch`].
    pub async fn verify(
        &self,
        attempt: &PasswordAttempt,
        stored: Option<&str>,
    ) -> Result<VerificationResult, HashError> {
        let (known, malformed) = match stored.map(|text| StoredHash::parse(text, self.parameters.bounds)) {
            Some(Ok(hash)) => (Some(hash), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let (attempt, parameters) = (attempt.clone(), Arc::clone(&self.parameters));
        let result = self.run(move |memory| parameters.verify(&attempt, known.as_ref(), memory)).await??;
        malformed.map_or(Ok(result), |why| Err(HashError::Malformed(why)))
    }

    /// The number of jobs that the queue holds.
    #[must_use]
    pub fn queue_len(&self) -> NonZeroUsize {
        self.queue_len
    }

    /// The bounds of imported hashes.
    #[must_use]
    pub fn bounds(&self) -> HashBounds {
        self.parameters.bounds
    }

    /// Runs other work that is too long for an async thread, in the same queue.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.pool.run(&self.requester, work).await.map_err(|why| match why {
            JobError::QueueFull => HashError::QueueFull { retry_after: self.retry_after },
            JobError::Panicked => HashError::Panicked,
        })
    }
}

impl HashParameters {
    fn verify(
        &self,
        attempt: &PasswordAttempt,
        known: Option<&StoredHash>,
        memory: &mut HashMemory,
    ) -> Result<VerificationResult, HashError> {
        // Always hash, so that the time does not reveal which part is missing.
        let hash = known.unwrap_or(&self.dummy);
        let same = {
            let _reserved = self.budget.reserve(hash.extra_kib(&self.cost));
            let same = hash.matches(attempt, memory);
            // Before the reservation ends, because other workers may then take the memory.
            memory.shrink();
            same?
        };
        let (Some(text), Some(hash), true) = (attempt.text(), known, same) else {
            return Ok(VerificationResult::Mismatch);
        };
        let outdated = !hash.is_current(&self.cost);
        let replacement = outdated.then(|| self.hash(text, memory)).transpose()?;
        Ok(VerificationResult::Match { replacement })
    }

    fn hash(&self, text: &str, memory: &mut HashMemory) -> Result<String, HashError> {
        let salt = new_salt(&*self.random)?;
        Ok(Argon2Hash::make(text.as_bytes(), &self.cost, salt, memory)?.to_phc())
    }
}

/// Time in which the workers empty a full queue, in whole seconds like `Retry-After`.
fn time_to_empty(queue: NonZeroUsize, workers: NonZeroUsize, cost: &Argon2Cost) -> Duration {
    let rounds = u64::try_from(queue.get().div_ceil(workers.get())).unwrap_or(u64::MAX);
    let written_kib = rounds.saturating_mul(cost.written_kib());
    Duration::from_secs(written_kib.div_ceil(WRITTEN_KIB_PER_SECOND))
}

/// An error of hashing or verifying a password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The queue is full.
    #[error("the queue for password hashing is full")]
    QueueFull {
        /// Time until the current queue is empty, at least a second.
        retry_after: Duration,
    },
    /// The stored hash cannot be verified.
    #[error("the stored password hash cannot be verified")]
    Malformed(#[from] MalformedHash),
    /// Argon2 failed, in practice because memory is exhausted.
    #[error("the password could not be hashed")]
    Argon2(#[from] argon2::Error),
    /// The random generator provided no salt.
    #[error("the system provides no random bytes for a salt")]
    Random(#[from] Unspecified),
    /// The job panicked, which is a bug. The panic hook has logged it.
    #[error("a job of the password hasher panicked")]
    Panicked,
}

/// An error of starting the [`Hasher`].
#[derive(Debug, thiserror::Error)]
pub enum HasherStartError {
    /// The system provided no thread.
    #[error("the password hasher's threads could not be started")]
    Threads(#[source] io::Error),
    /// The random generator failed.
    #[error("the system provides no random bytes for the password hasher")]
    Random(#[source] Unspecified),
}

#[cfg(test)]
mod tests;
