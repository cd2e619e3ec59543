//! `kill -9` at random moments, under load: whatever the server has confirmed must still be true afterwards.
//!
//! Each simulated user records the confirmed results, and the last request without a response, which may or may not have
//! taken effect. After each kill, the server must agree with every user in its responses, its rows and its audit log.
//! `PORTCULLIS_TEST_KILLS` is the number of kills. `PORTCULLIS_TEST_SEED` repeats the same requests and moments.

mod check;
mod ledger;
mod person;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::timeout};

use self::{ledger::Ledger, person::Person};
use crate::support::{
    Cluster, LOAD, Process, QUICK, Rng, TERSE, TestDatabase, postgres, spawn_all, variable,
};

/// A token of which the answer was lost may be asked for again for as long as a restart takes.
const GRACE: (&str, &str) = ("PORTCULLIS_TOKENS__REFRESH_GRACE", "2m");

/// How long answers may be waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, and people who use it.
struct World {
    process: Process,
    people: Vec<Person>,
    ledger: Ledger,
    rng: Rng,
    /// How many answers have come, to everybody.
    answers: Arc<AtomicUsize>,
    /// Whether people stop after the answer that they wait for.
    pause: Arc<AtomicBool>,
}

impl World {
    async fn begin(database: TestDatabase) -> Self {
        let seed = seed();
        let process = Process::start_on(database, &[&QUICK[..], &[GRACE, TERSE]].concat()).await;
        process.make_admin("root");
        let ledger = Ledger::open(process.anonymous()).await;
        let person = |number| Person::new(number, seed, process.anonymous());
        let people = (0..16).map(person).collect();
        Self { process, people, ledger, rng: Rng::new(seed), answers: Arc::default(), pause: Arc::default() }
    }

    /// Lets everybody go on until the server does not answer them, or there is a pause.
    fn live(&mut self) -> JoinSet<Person> {
        self.pause.store(false, Ordering::Relaxed);
        let live = |mut person: Person| {
            let (answers, pause) = (Arc::clone(&self.answers), Arc::clone(&self.pause));
            async move {
                while !pause.load(Ordering::Relaxed) && person.act().await {
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                person
            }
        };
        self.people.drain(..).map(live).collect()
    }

    /// Waits for some more answers, so that the blow falls at any moment under load.
    async fn moment(&mut self) {
        let enough = self.answers.load(Ordering::Relaxed) + 10 + self.rng.below(200);
        let deadline = Instant::now() + PATIENCE;
        while self.answers.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < deadline, "nobody is answered");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Compares what everybody was told with what the server says now.
    async fn compare(&mut self, living: JoinSet<Person>) {
        // Who asked for nothing that takes the database did not notice that it was away.
        self.pause.store(true, Ordering::Relaxed);
        let people = timeout(PATIENCE, living.join_all()).await.expect("everybody is answered, or cut off");
        let check = |mut person: Person| async move {
            person.check().await;
            person
        };
        self.people = spawn_all(people.into_iter().map(check)).await;
        self.ledger.compare(&self.people).await;
        let sessions = check::sessions(&self.process.database().connect().await).await;
        for person in &self.people {
            person.check_rows(&sessions);
        }
        let log = self.process.log();
        let faults: Vec<_> =
            log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked")).collect();
        assert!(faults.is_empty(), "{faults:?}");
    }

    /// The last blow has fallen: there is one chain of refresh tokens to a session, and a token of before ends it.
    async fn end(mut self, blows: usize) {
        for person in &mut self.people {
            person.use_old_tokens().await;
        }
        self.ledger.compare(&self.people).await;
        let unanswered: usize = self.people.iter().map(|person| person.unanswered_ever).sum();
        assert!(unanswered > blows, "only {unanswered} answers were lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_when_the_program_is_killed() {
    let _alone = LOAD.lock().await;
    let mut world = World::begin(TestDatabase::create().await).await;
    for _ in 0..kills() {
        let living = world.live();
        world.moment().await;
        world.process.kill_and_restart().await;
        world.compare(living).await;
    }
    world.end(kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_when_postgresql_is_killed() {
    if postgres().is_none() {
        return;
    }
    let _alone = LOAD.lock().await;
    let mut cluster = Cluster::start().await;
    let mut world = World::begin(TestDatabase::of(cluster.url())).await;
    for _ in 0..kills() {
        let living = world.live();
        world.moment().await;
        cluster.cut();
        if world.rng.below(3) == 0 {
            world.process.kill();
            cluster.restore().await;
            world.process.restart().await;
        } else {
            world.process.wait_for_readiness(false).await;
            cluster.restore().await;
            world.process.wait_for_readiness(true).await;
        }
        world.compare(living).await;
    }
    world.end(kills()).await;
}

/// How many blows there are.
fn kills() -> usize {
    variable("PORTCULLIS_TEST_KILLS")
        .map_or(8, |count| count.parse().expect("PORTCULLIS_TEST_KILLS is a number"))
}

#[expect(clippy::print_stderr, reason = "it is what a failed run is repeated with")]
fn seed() -> u64 {
    let told = variable("PORTCULLIS_TEST_SEED");
    let seed = told.map_or_else(
        || uuid::Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("PORTCULLIS_TEST_SEED is a number"),
    );
    eprintln!("PORTCULLIS_TEST_SEED={seed}");
    seed
}
