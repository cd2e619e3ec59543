//! Hashing and verifying, off the async threads.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;

use super::cost::Argon2Cost;
use super::memory::HashMemory;
use super::password::{NewPassword, PasswordAttempt};
use super::pool::{JobError, Pool};
use super::queue::Requester;
use super::stored::{MalformedHash, StoredHash, new_salt};

/// What a core of a common server writes while it hashes, KiB a second. It need not be exact: it
/// only tells callers of a full queue how long to wait.
const WRITTEN_KIB_PER_SECOND: u64 = 1 << 20;

/// Hashes and verifies passwords on its own threads, behind a bounded queue in which networks and accounts take
/// turns. Cheap to clone; the threads end after the last clone is dropped and the queue is empty.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
    /// Whose turn it takes.
    requester: Requester,
    parameters: Arc<HashParameters>,
    retry_after: Duration,
}

/// What a job needs to know; shared with the threads.
struct HashParameters {
    cost: Argon2Cost,
    random: Arc<dyn SecureRandom + Send + Sync>,
    /// What an unknown user's password is compared with.
    dummy: StoredHash,
}

/// What a attempt password turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationResult {
    /// It is the password of this hash.
    Match {
        /// The PHC string to store in place of the present one, whose cost or algorithm is not the
        /// one that we use today.
        replacement: Option<String>,
    },
    /// It is not, or there is no hash to compare it with.
    Mismatch,
}

impl Hasher {
    /// Starts `workers` threads (one a core is best), each with a memory of what `cost` says, and
    /// room for `queue` jobs that wait for them.
    ///
    /// # Errors
    /// When the system gives no threads or no randomness.
    pub fn start(
        cost: Argon2Cost,
        workers: NonZeroUsize,
        queue: NonZeroUsize,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, HasherStartError> {
        let dummy = StoredHash::dummy(&cost, &*random).map_err(HasherStartError::Random)?;
        let pool = Pool::start(workers, queue, cost.params().block_count());
        Ok(Self {
            pool: Arc::new(pool.map_err(HasherStartError::Threads)?),
            requester: Requester::server(),
            retry_after: time_to_empty(queue, workers, &cost),
            parameters: Arc::new(HashParameters { cost, random, dummy }),
        })
    }

    /// The same hasher, whose jobs wait as those of a client at `address` that means `account`. The account need not
    /// exist. When the queue is full, the network with the most jobs in it loses its newest.
    #[must_use]
    pub fn on_behalf_of(&self, address: IpAddr, account: &str) -> Self {
        Self { requester: Requester::client(address, account), ..self.clone() }
    }

    /// The PHC string to store for a new password.
    ///
    /// # Errors
    /// [`HashError::QueueFull`], as soon as it has no place in the queue.
    pub async fn hash(&self, password: &NewPassword) -> Result<String, HashError> {
        let (password, parameters) = (password.clone(), Arc::clone(&self.parameters));
        self.run(move |memory| parameters.make(password.text(), memory)).await?
    }

    /// Compares a attempt password with the stored hash of its account; with nothing, at the same
    /// cost, when there is no such account.
    ///
    /// # Errors
    /// [`HashError::QueueFull`], as soon as it has no place in the queue. [`HashError::Malformed`] when `stored` is damaged, after
    /// the time that a comparison takes: log it, and answer as for a [`VerificationResult::Mismatch`].
    pub async fn verify(
        &self,
        attempt: &PasswordAttempt,
        stored: Option<&str>,
    ) -> Result<VerificationResult, HashError> {
        let (known, malformed) = match stored.map(StoredHash::parse) {
            Some(Ok(hash)) => (Some(hash), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let (attempt, parameters) = (attempt.clone(), Arc::clone(&self.parameters));
        let result = self.run(move |memory| parameters.compare(&attempt, known.as_ref(), memory)).await??;
        malformed.map_or(Ok(result), |why| Err(HashError::Malformed(why)))
    }

    /// Runs something else that is too long for an async thread, in the same queue.
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
    fn compare(
        &self,
        attempt: &PasswordAttempt,
        known: Option<&StoredHash>,
        memory: &mut HashMemory,
    ) -> Result<VerificationResult, HashError> {
        // No early answer: whatever is missing, something is hashed.
        let hash = known.unwrap_or(&self.dummy);
        let same = hash.matches(attempt.text().unwrap_or_default(), memory)?;
        let (Some(text), Some(hash), true) = (attempt.text(), known, same) else {
            return Ok(VerificationResult::Mismatch);
        };
        let outdated = !hash.is_current(&self.cost);
        let replacement = outdated.then(|| self.make(text, memory)).transpose()?;
        Ok(VerificationResult::Match { replacement })
    }

    fn make(&self, text: &str, memory: &mut HashMemory) -> Result<String, HashError> {
        let salt = new_salt(&*self.random)?;
        Ok(StoredHash::make(text, &self.cost, salt, memory)?.to_phc())
    }
}

/// How long the workers need for a full queue, in whole seconds, since that is what callers are
/// told.
fn time_to_empty(queue: NonZeroUsize, workers: NonZeroUsize, cost: &Argon2Cost) -> Duration {
    let rounds = u64::try_from(queue.get().div_ceil(workers.get())).unwrap_or(u64::MAX);
    let written_kib = rounds.saturating_mul(cost.written_kib());
    Duration::from_secs(written_kib.div_ceil(WRITTEN_KIB_PER_SECOND))
}

/// A password that was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many wait already.
    #[error("too many passwords wait to be hashed")]
    QueueFull {
        /// When the present queue will be empty; at least a second.
        retry_after: Duration,
    },
    /// The stored hash cannot be verified.
    #[error("the stored password hash cannot be verified")]
    Malformed(#[from] MalformedHash),
    /// Argon2 stopped; in practice for want of memory.
    #[error("the password could not be hashed")]
    Argon2(#[from] argon2::Error),
    /// The generator gave no salt.
    #[error("there is no randomness for a salt")]
    Random(#[from] Unspecified),
    /// A bug; the panic hook has written which.
    #[error("a job of the password hasher panicked")]
    Panicked,
}

/// Why there is no [`Hasher`].
#[derive(Debug, thiserror::Error)]
pub enum HasherStartError {
    /// The system gave no thread.
    #[error("the password hasher's threads could not be started")]
    Threads(#[source] io::Error),
    /// The generator gave nothing.
    #[error("there is no randomness for the password hasher")]
    Random(#[source] Unspecified),
}

#[cfg(test)]
mod tests;
