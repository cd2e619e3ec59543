//! A few threads, and a bounded queue before them.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::arena::Arena;

/// How long a worker that has nothing to do keeps its memory.
const IDLE: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce(&mut Arena) + Send>;

/// Threads that each own an [`Arena`]. They end by themselves, once they have emptied the queue,
/// when the pool is dropped; nobody waits for that, since the one who drops it may be an async
/// thread.
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

/// Why a job has no result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoResult {
    /// The queue was full. The job was not taken.
    QueueFull,
    /// The job panicked.
    Panicked,
}

impl Pool {
    /// Starts `workers` threads, whose arenas keep `blocks` blocks between jobs. Up to `queue` jobs
    /// wait when all threads are busy.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(workers: NonZeroUsize, queue: NonZeroUsize, blocks: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue.get());
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..workers.get() {
            let jobs = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("passwords-{number}"))
                .spawn(move || serve(&jobs, Arena::new(blocks)))?;
        }
        Ok(Self { queue: sender })
    }

    /// Runs `work` on a thread of the pool. Whoever drops the future before the work began does not
    /// cause it; what has begun is finished.
    ///
    /// # Errors
    /// [`NoResult`], at once when the queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |arena| {
            if answer.is_closed() {
                return;
            }
            // Argon2 writes all of the memory that it reads, so an arena in any state will do.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(arena))) {
                // Nobody listens any more: nothing is lost.
                answer.send(result).ok();
            }
        });
        // It cannot be disconnected: no job ends a worker, and workers end only after the pool.
        self.queue.try_send(job).map_err(|_| NoResult::QueueFull)?;
        result.await.map_err(|_| NoResult::Panicked)
    }
}

fn serve(jobs: &Mutex<Receiver<Job>>, mut arena: Arena) {
    while let Some(job) = next(jobs, &mut arena) {
        job(&mut arena);
        arena.shrink();
    }
}

fn next(jobs: &Mutex<Receiver<Job>>, arena: &mut Arena) -> Option<Job> {
    // A worker that waits holds the lock, and then the queue is empty.
    if let Ok(jobs) = jobs.try_lock()
        && let Ok(job) = jobs.try_recv()
    {
        return Some(job);
    }
    // The next hash overwrites the traces of the last, so only a pause makes wiping worth its time.
    arena.wipe();
    loop {
        let soon = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(IDLE);
        match soon {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => arena.discard(),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        // The next one to wait may have memory to give back as well.
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn pool(workers: usize, queue: usize) -> Pool {
        let at_least_one = |n| NonZeroUsize::new(n).expect("tests ask for one or more");
        Pool::start(at_least_one(workers), at_least_one(queue), 8).expect("threads start")
    }

    fn begin<F: Future>(future: std::pin::Pin<&mut F>) {
        let polled = future.poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "nothing is done yet");
    }

    /// A job that says when it has begun and lasts until it is told to end.
    fn gate() -> (impl FnOnce(&mut Arena) + Send, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let work = move |_: &mut Arena| {
            begun.send(()).ok();
            may_end.recv().ok();
        };
        (work, has_begun, end)
    }

    #[tokio::test]
    async fn a_full_queue_answers_at_once_and_takes_jobs_again_later() {
        let pool = pool(1, 1);
        let (work, has_begun, end) = gate();
        let mut busy = pin!(pool.run(work));
        begin(busy.as_mut());
        has_begun.recv().expect("the worker takes the job");
        let mut waiting = pin!(pool.run(|_| "done"));
        begin(waiting.as_mut());

        assert_eq!(pool.run(|_| ()).await, Err(NoResult::QueueFull));

        drop(end);
        assert_eq!(busy.await, Ok(()));
        assert_eq!(waiting.await, Ok("done"));
        assert_eq!(pool.run(|_| "again").await, Ok("again"));
    }

    #[tokio::test]
    async fn a_caller_who_went_away_costs_nothing() {
        let pool = pool(1, 2);
        let (work, has_begun, end) = gate();
        let mut busy = pin!(pool.run(work));
        begin(busy.as_mut());
        has_begun.recv().expect("the worker takes the job");
        let worked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&worked);
        {
            let mut abandoned = pin!(pool.run(move |_| seen.store(true, Ordering::SeqCst)));
            begin(abandoned.as_mut());
        }

        drop(end);
        assert_eq!(pool.run(|_| ()).await, Ok(()), "the only worker is past it");
        assert!(!worked.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_nothing_with_it() {
        let pool = pool(1, 1);
        let broken = pool.run(|_| panic!("a bug")).await;
        assert_eq!(broken, Err::<(), _>(NoResult::Panicked));
        assert_eq!(pool.run(|_| "well").await, Ok("well"));
    }

    #[tokio::test]
    async fn a_dropped_pool_finishes_what_it_took() {
        let pool = pool(1, 4);
        let done = Arc::new(AtomicUsize::new(0));
        let (all_done, wait) = mpsc::channel::<()>();
        for _ in 0..4 {
            let (done, all_done) = (Arc::clone(&done), all_done.clone());
            let job: Job = Box::new(move |_| {
                done.fetch_add(1, Ordering::SeqCst);
                drop(all_done);
            });
            pool.queue.send(job).expect("the worker lives");
        }
        drop((pool, all_done));
        wait.recv().expect_err("every job has let go of its end");
        assert_eq!(done.load(Ordering::SeqCst), 4);
    }
}
