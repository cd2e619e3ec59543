//! `kill -9` at random moments while users register and reset their passwords. Each message of a confirmed request must
//! arrive once or twice, and no confirmed reset may be lost.
//!
//! `PORTCULLIS_TEST_KILLS` is the number of kills.

mod account;
mod user;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tokio::{task::JoinSet, time::sleep};

use self::{
    account::{Account, message_id},
    user::User,
};
use super::{MailServer, Reply};
use crate::support::{LOAD, Process, QUICK, Rng, TERSE, spawn_all, variable};

const USERS: u64 = 8;

/// The time after which the last kill of a round falls. A server that dies holds the lease of a message for fourteen
/// seconds, the timeout and a margin. So a round ends before a message is sent again, and no message is hit twice.
const ROUND: Duration = Duration::from_secs(9);

/// The maximum time for which the test waits for responses or messages.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server, its users and their mail server.
struct World {
    process: Process,
    database: DatabaseConnection,
    mail: Arc<MailServer>,
    users: Vec<User>,
    rng: Rng,
    /// The number of confirmed requests.
    confirmed: Arc<AtomicUsize>,
    /// Whether the users stop after their current request.
    pause: Arc<AtomicBool>,
}

impl World {
    async fn begin() -> Self {
        let mail = Arc::new(MailServer::start(Reply::Accept).await);
        let port: &'static str = Box::leak(mail.address.port().to_string().into_boxed_str());
        let settings = [
            ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
            ("PORTCULLIS_MAIL__SEND_TIMEOUT", "4s"),
            ("PORTCULLIS_MAIL__SMTP__HOST", "127.0.0.1"),
            ("PORTCULLIS_MAIL__SMTP__PORT", port),
            ("PORTCULLIS_MAIL__SMTP__ENCRYPTION", "none"),
            account::RESET_LINK,
            account::VERIFY_LINK,
            TERSE,
        ];
        let process = Process::start(&[&QUICK[..], &settings].concat()).await;
        let user = |number| User::new(number, process.anonymous(), Arc::clone(&mail));
        Self {
            database: process.database().connect().await,
            users: (0..USERS).map(user).collect(),
            process,
            mail,
            rng: Rng::new(4711),
            confirmed: Arc::default(),
            pause: Arc::default(),
        }
    }

    /// Kills the server at most this many times under load, and compares. Returns the number of kills.
    async fn round(&mut self, kills: usize) -> usize {
        let (began, mut done) = (Instant::now(), 0);
        let users = self.start_users();
        while done < kills {
            self.moment().await;
            if began.elapsed() > ROUND {
                break;
            }
            self.process.kill_and_restart().await;
            done += 1;
        }
        self.pause.store(true, Ordering::Relaxed);
        self.users = users.join_all().await;
        self.compare().await;
        done
    }

    /// Lets each user send one request after another until there is a pause.
    fn start_users(&mut self) -> JoinSet<User> {
        self.pause.store(false, Ordering::Relaxed);
        let run = |mut user: User| {
            let (confirmed, pause) = (Arc::clone(&self.confirmed), Arc::clone(&self.pause));
            async move {
                while !pause.load(Ordering::Relaxed) {
                    if user.act().await {
                        confirmed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                user
            }
        };
        self.users.drain(..).map(run).collect()
    }

    /// Waits for some more confirmed requests.
    async fn moment(&mut self) {
        let enough = self.confirmed.load(Ordering::Relaxed) + 5 + self.rng.below(60);
        let deadline = Instant::now() + PATIENCE;
        while self.confirmed.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < deadline, "no request is confirmed");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Compares what the server has confirmed with the messages and with the passwords that work.
    async fn compare(&mut self) {
        self.until_outbox_is_empty().await;
        let settle = |mut user: User| async move {
            user.settle().await;
            user
        };
        self.users = spawn_all(self.users.drain(..).map(settle)).await;
        // Settling resets passwords, which sends notices.
        self.until_outbox_is_empty().await;
        let check = |mut user: User| async move {
            user.check().await;
            user
        };
        self.users = spawn_all(self.users.drain(..).map(check)).await;
        let mut copies = BTreeMap::new();
        for (_, text) in self.mail.accepted() {
            *copies.entry(message_id(&text)).or_insert(0) += 1;
        }
        copies.retain(|_, count| *count > 2);
        assert!(copies.is_empty(), "{copies:?}");
        let log = self.process.log();
        let faults: Vec<_> =
            log.lines().filter(|line| line.contains(" ERROR ") || line.contains("panicked")).collect();
        assert!(faults.is_empty(), "{faults:?}");
    }

    async fn until_outbox_is_empty(&self) {
        let sql = "SELECT id FROM outgoing_messages WHERE next_attempt_at IS NOT NULL LIMIT 1";
        let statement = || Statement::from_string(self.database.get_database_backend(), sql);
        let deadline = Instant::now() + PATIENCE;
        while self.database.query_one_raw(statement()).await.expect("a result").is_some() {
            assert!(Instant::now() < deadline, "a message is not sent");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_confirmed_request_arrives_once_or_twice_when_the_program_is_killed() {
    let _alone = LOAD.lock().await;
    let kills = variable("PORTCULLIS_TEST_KILLS")
        .map_or(8, |count| count.parse().expect("PORTCULLIS_TEST_KILLS is a number"));
    let mut world = World::begin().await;
    let mut left = kills;
    while left > 0 {
        left -= world.round(left).await;
    }
    let unanswered: usize = world.users.iter().map(|user| user.unanswered).sum();
    assert!(unanswered >= kills, "only {unanswered} responses were lost");
    let resets: usize = world.users.iter().map(User::resets).sum();
    assert!(resets > kills, "only {resets} passwords were reset");
    // Not even a later kill has undone a reset.
    spawn_all(world.users.drain(..).map(|user| async move { user.check_retired().await })).await;
}
