use std::{collections::HashMap, time::Duration};

use aws_lc_rs::rand;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};

use super::{IssuerError, MAX_WAIT, load::Loader};
use crate::{clock::Timestamp, tokens::IssuerDocument};

/// The interval in which the task looks for documents that are due.
const TICK: Duration = Duration::from_millis(500);

/// The maximum number of documents that are loaded at the same time.
const MAX_LOADING: usize = 8;

/// The maximum number of documents in the plan: the key set, the lists in memory, and those that requests wait for.
const MAX_DOCUMENTS: usize = 256;

/// A request for a document. The task sends whether it was loaded.
pub(super) struct Wanted {
    pub(super) document: IssuerDocument,
    pub(super) done: oneshot::Sender<bool>,
}

/// When documents are loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// The time until the keys are loaded for the first time.
    pub(super) first_load_in: Duration,
    /// The minimum time between two loads of a document.
    pub(super) min_interval: Duration,
}

/// The background task.
pub(super) struct Refresher {
    loader: Loader,
    schedule: Schedule,
    plan: HashMap<IssuerDocument, Planned>,
    loading: JoinSet<(IssuerDocument, Result<Duration, IssuerError>)>,
}

/// A document in the plan.
struct Planned {
    /// The time of the next load, by the clock that also decides when a document expires.
    due: Timestamp,
    /// The time before which the document is not loaded again, by the monotonic clock, so that no jump of the system's
    /// clock blocks loading.
    not_before: Instant,
    is_loading: bool,
    has_failed: bool,
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Refresher {
    pub(super) fn new(loader: Loader, schedule: Schedule) -> Self {
        let mut plan = HashMap::new();
        if loader.keys.is_some() {
            let due = loader.clock.now() + schedule.first_load_in;
            plan.insert(IssuerDocument::Keys, Planned::new(due));
        }
        Self { loader, schedule, plan, loading: JoinSet::new() }
    }

    /// Runs until the last authenticator is dropped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Wanted>) {
        loop {
            self.start_due();
            tokio::select! {
                wanted = requests.recv() => match wanted {
                    Some(wanted) => self.add(wanted),
                    None => return,
                },
                Some(loaded) = self.loading.join_next() => match loaded {
                    Ok((document, result)) => self.finish(&document, &result),
                    Err(error) => self.abandon(&error),
                },
                () = sleep(TICK) => {}
            }
        }
    }

    /// Adds a request. It is answered at once if the document is never loaded, was loaded only now, or could not be
    /// loaded: no request waits for an unreachable issuer, and the task tries again by itself.
    fn add(&mut self, Wanted { document, done }: Wanted) {
        let is_fixed = document == IssuerDocument::Keys && self.loader.keys.is_none();
        if is_fixed || (self.plan.len() >= MAX_DOCUMENTS && !self.plan.contains_key(&document)) {
            // Nobody waits any more if it cannot be sent.
            let _ = done.send(is_fixed);
            return;
        }
        let now = self.loader.clock.now();
        let planned = self.plan.entry(document).or_insert_with(|| Planned::new(now));
        let is_recent = !planned.is_loading && planned.not_before > Instant::now() + MAX_WAIT / 2;
        if is_recent || planned.has_failed {
            let _ = done.send(!planned.has_failed);
        } else {
            planned.waiting.push(done);
        }
    }

    /// Starts to load the documents that are due, or that requests wait for.
    fn start_due(&mut self) {
        let now = self.loader.clock.now();
        let verifier = &self.loader.verifier;
        self.plan.retain(|document, planned| match document {
            IssuerDocument::StatusList(url) if planned.is_idle() && planned.due <= now => {
                verifier.has_status_list(url)
            }
            _ => true,
        });
        for (document, planned) in &mut self.plan {
            let is_wanted = planned.due <= now || !planned.waiting.is_empty();
            if self.loading.len() < MAX_LOADING && is_wanted && planned.may_load() {
                planned.is_loading = true;
                let (loader, document) = (self.loader.clone(), document.clone());
                self.loading.spawn(async move {
                    let result = loader.load(&document).await;
                    (document, result)
                });
            }
        }
    }

    /// Plans all documents again after a load has panicked, because it is not known which one it was.
    fn abandon(&mut self, error: &JoinError) {
        tracing::error!(%error, "loading a document of the issuer panicked");
        for planned in self.plan.values_mut() {
            planned.is_loading = false;
            planned.not_before = Instant::now() + self.schedule.min_interval;
        }
    }

    fn finish(&mut self, document: &IssuerDocument, result: &Result<Duration, IssuerError>) {
        let Some(planned) = self.plan.get_mut(document) else { return };
        let now = self.loader.clock.now();
        planned.is_loading = false;
        planned.not_before = Instant::now() + self.schedule.min_interval;
        planned.due = match result {
            Ok(lifetime) => now + before_the_end_of(*lifetime),
            Err(_) => now + self.schedule.min_interval,
        };
        match (result, planned.has_failed) {
            (Ok(_), true) => tracing::info!(?document, "loaded a document of the issuer again"),
            (Ok(_), false) => {}
            (Err(error), _) => tracing::warn!(?document, %error, "a document of the issuer cannot be loaded"),
        }
        planned.has_failed = result.is_err();
        for waiting in planned.waiting.drain(..) {
            let _ = waiting.send(result.is_ok());
        }
    }
}

impl Planned {
    fn new(due: Timestamp) -> Self {
        let not_before = Instant::now();
        Self { due, not_before, is_loading: false, has_failed: false, waiting: Vec::new() }
    }

    fn may_load(&self) -> bool {
        !self.is_loading && self.not_before <= Instant::now()
    }

    fn is_idle(&self) -> bool {
        !self.is_loading && self.waiting.is_empty()
    }
}

/// A time between 70 and 90 percent of a lifetime, so that there is time for retries, and the services that started
/// together do not ask together.
fn before_the_end_of(lifetime: Duration) -> Duration {
    let mut random = [0];
    // Without randomness the time is the earliest.
    let _ = rand::fill(&mut random);
    lifetime.mul_f64(f64::from(random[0]).mul_add(0.2 / 255.0, 0.7))
}
