//! A thread pool with a bounded queue.

use std::{
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    memory::HashMemory,
    queue::{Queue, Requester},
};

/// Time after which an idle worker releases its memory.
const RELEASE_MEMORY_AFTER: Duration = Duration::from_secs(30);

/// A queued job. It is called once, to run or to be rejected.
type Job = Box<dyn FnOnce(Dispatch<'_>) + Send>;

/// The result of queueing a job.
enum Dispatch<'a> {
    /// The job runs, with this memory.
    Run(&'a mut HashMemory),
    /// The job is rejected, because the queue was full.
    Rejected,
}

/// Threads that each own a [`HashMemory`]. When the pool is dropped they empty the queue and end. The drop does not
/// wait for them, because it may happen on an async thread.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

/// The state that is shared by the pool and its threads.
struct Shared {
    waiting: Mutex<Waiting>,
    /// Notified of each new job and of the end of the pool.
    wakeup: Condvar,
}

/// The queued jobs, and whether the pool was dropped.
struct Waiting {
    queue: Queue<Job>,
    is_closed: bool,
}

/// Reason why a job has no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobError {
    /// The queue was full, and the job was rejected, at once or later in favour of another requester's job.
    QueueFull,
    /// The job panicked.
    Panicked,
}

impl Pool {
    /// Starts `workers` threads, each of which retains `blocks` blocks of memory between jobs. The queue takes up to
    /// `queue` jobs.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(super) fn start(workers: NonZeroUsize, queue: NonZeroUsize, blocks: usize) -> io::Result<Self> {
        let waiting = Waiting { queue: Queue::new(queue.get()), is_closed: false };
        let shared = Arc::new(Shared { waiting: Mutex::new(waiting), wakeup: Condvar::new() });
        let pool = Self { shared: Arc::clone(&shared) };
        for number in 0..workers.get() {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("passwords-{number}"))
                .spawn(move || shared.work(HashMemory::new(blocks)))?;
        }
        Ok(pool)
    }

    /// Runs `work` on a thread of the pool. Dropping the future cancels the work if it has not begun; otherwise the
    /// work is completed.
    ///
    /// # Errors
    /// [`JobError`], as soon as the queue rejects the job.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        requester: &Requester,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, JobError> {
        let (sender, result) = oneshot::channel();
        let job: Job = Box::new(move |dispatch| {
            if sender.is_closed() {
                return;
            }
            let result = match dispatch {
                // Argon2 writes all of the memory before it reads it, so a panic cannot leave it in an invalid state.
                Dispatch::Run(memory) => {
                    catch_unwind(AssertUnwindSafe(|| work(memory))).map_err(|_| JobError::Panicked)
                }
                Dispatch::Rejected => Err(JobError::QueueFull),
            };
            // The receiver may have been dropped meanwhile, and then no result is needed.
            sender.send(result).ok();
        });
        let rejected = self.shared.lock().queue.push(requester, job);
        self.shared.wakeup.notify_one();
        if let Some(job) = rejected {
            job(Dispatch::Rejected);
        }
        result.await.unwrap_or(Err(JobError::Panicked))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.wakeup.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut memory: HashMemory) {
        while let Some(job) = self.next(&mut memory) {
            job(Dispatch::Run(&mut memory));
            memory.shrink();
        }
    }

    /// Waits for the next job. Returns `None` once the pool was dropped and the queue is empty.
    fn next(&self, memory: &mut HashMemory) -> Option<Job> {
        let job = self.lock().queue.pop();
        if job.is_some() {
            return job;
        }
        // Wiping is worth its time only in a pause, because the next hash overwrites the traces of the last one.
        memory.wipe();
        loop {
            let mut waiting = self.lock();
            if let Some(job) = waiting.queue.pop() {
                return Some(job);
            }
            if waiting.is_closed {
                return None;
            }
            let woken = self
                .wakeup
                .wait_timeout(waiting, RELEASE_MEMORY_AFTER)
                .unwrap_or_else(PoisonError::into_inner);
            let is_idle = woken.1.timed_out();
            drop(woken);
            if is_idle {
                memory.discard();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        sync::{
            atomic::{AtomicBool, AtomicUsize, Ordering},
            mpsc,
        },
        task::{Context, Waker},
    };

    use super::*;

    fn pool(workers: usize, queue: usize) -> Pool {
        let at_least_one = |n| NonZeroUsize::new(n).expect("tests ask for one or more");
        Pool::start(at_least_one(workers), at_least_one(queue), 8).expect("threads start")
    }

    impl Pool {
        async fn go<T: Send + 'static>(
            &self,
            work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
        ) -> Result<T, JobError> {
            self.run(&Requester::server(), work).await
        }
    }

    fn begin<F: Future>(future: Pin<&mut F>) {
        let polled = future.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "nothing is done yet");
    }

    /// A job that reports when it has begun and lasts until its sender is dropped.
    fn gate() -> (impl FnOnce(&mut HashMemory) + Send, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let work = move |_: &mut HashMemory| {
            begun.send(()).ok();
            may_end.recv().ok();
        };
        (work, has_begun, end)
    }

    #[tokio::test]
    async fn a_full_queue_rejects_at_once_and_takes_jobs_again_later() {
        let pool = pool(1, 1);
        let (work, has_begun, end) = gate();
        let mut busy = pin!(pool.go(work));
        begin(busy.as_mut());
        has_begun.recv().expect("the worker takes the job");
        let mut waiting = pin!(pool.go(|_| "done"));
        begin(waiting.as_mut());

        assert_eq!(pool.go(|_| ()).await, Err(JobError::QueueFull));

        drop(end);
        assert_eq!(busy.await, Ok(()));
        assert_eq!(waiting.await, Ok("done"));
        assert_eq!(pool.go(|_| "again").await, Ok("again"));
    }

    #[tokio::test]
    async fn a_job_that_is_evicted_for_another_network_fails_at_once() {
        let pool = pool(1, 2);
        let (work, has_begun, end) = gate();
        let mut busy = pin!(pool.go(work));
        begin(busy.as_mut());
        has_begun.recv().expect("the worker takes the job");
        let at = |address: [u8; 4]| Requester::client(address.into(), "ada");
        let (crowd, other) = (at([192, 0, 2, 1]), at([198, 51, 100, 1]));
        let mut first = pin!(pool.run(&crowd, |_| "first"));
        begin(first.as_mut());
        let mut second = pin!(pool.run(&crowd, |_| "second"));
        begin(second.as_mut());

        let mut newcomer = pin!(pool.run(&other, |_| "newcomer"));
        begin(newcomer.as_mut());
        assert_eq!(second.await, Err(JobError::QueueFull));
        assert_eq!(pool.run(&crowd, |_| "third").await, Err(JobError::QueueFull));

        drop(end);
        assert_eq!((busy.await, first.await, newcomer.await), (Ok(()), Ok("first"), Ok("newcomer")));
    }

    #[tokio::test]
    async fn a_job_whose_future_was_dropped_does_not_run() {
        let pool = pool(1, 2);
        let (work, has_begun, end) = gate();
        let mut busy = pin!(pool.go(work));
        begin(busy.as_mut());
        has_begun.recv().expect("the worker takes the job");
        let worked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&worked);
        {
            let mut abandoned = pin!(pool.go(move |_| seen.store(true, Ordering::SeqCst)));
            begin(abandoned.as_mut());
        }

        drop(end);
        assert_eq!(pool.go(|_| ()).await, Ok(()), "the only worker has skipped it");
        assert!(!worked.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_of_a_job_does_not_stop_its_worker() {
        let pool = pool(1, 1);
        let broken = pool.go(|_| panic!("a bug")).await;
        assert_eq!(broken, Err::<(), _>(JobError::Panicked));
        assert_eq!(pool.go(|_| "well").await, Ok("well"));
    }

    #[tokio::test]
    async fn a_dropped_pool_completes_the_queued_jobs() {
        let pool = pool(1, 4);
        let done = Arc::new(AtomicUsize::new(0));
        let (all_done, wait) = mpsc::channel::<()>();
        for _ in 0..4 {
            let (done, all_done) = (Arc::clone(&done), all_done.clone());
            let job: Job = Box::new(move |_| {
                done.fetch_add(1, Ordering::SeqCst);
                drop(all_done);
            });
            assert!(pool.shared.lock().queue.push(&Requester::server(), job).is_none(), "there is room");
        }
        drop((pool, all_done));
        wait.recv().expect_err("every job has dropped its sender");
        assert_eq!(done.load(Ordering::SeqCst), 4);
    }
}
