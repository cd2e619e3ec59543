use std::{fs, path::Path};

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{
    super::{Transaction, connect::open_sqlite_writer},
    *,
};

/// A database with one table, and the group commit of its writer.
struct Fixture {
    group: GroupCommit,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connection = open_sqlite_writer(&folder.path().join("file.db")).await.expect("a database");
        let fixture = Self { group: GroupCommit::new(connection), folder };
        let tables = "CREATE TABLE parents (id INTEGER PRIMARY KEY); \
            CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT, \
            parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)";
        fixture.group.connection.execute_unprepared(tables).await.expect("the tables are created");
        fixture
    }

    async fn begin(&self, kind: Kind) -> Transaction {
        Transaction::sqlite(self.group.begin(kind).await.expect("a transaction"))
    }

    /// The numbers in the table.
    async fn numbers(&self) -> Vec<i64> {
        let transaction = self.begin(Kind::Alone).await;
        let sql = Statement::from_string(
            transaction.get_database_backend(),
            "SELECT number FROM numbers ORDER BY 1",
        );
        let rows = transaction.query_all_raw(sql).await.expect("rows");
        transaction.rollback().await.expect("it is rolled back");
        rows.iter().map(|row| row.try_get("", "number").expect("a number")).collect()
    }

    /// The number of commits in the write-ahead log.
    fn commits(&self) -> usize {
        commits_in(&self.folder.path().join("file.db-wal"))
    }

    /// Starts a task that waits for its turn, and then does this work in a transaction.
    async fn queue<T, F>(&self, work: impl FnOnce(Transaction) -> F + Send + 'static) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let group = self.group.clone();
        let task = self.group.tasks.spawn(async move {
            let member = group.begin(Kind::Shared).await.expect("a transaction");
            work(Transaction::sqlite(member)).await
        });
        // The task runs until it waits, because the runtime has one thread.
        tokio::task::yield_now().await;
        task
    }
}

async fn insert_and_commit(transaction: Transaction, number: i64) -> Result<(), DbErr> {
    insert(&transaction, number).await?;
    transaction.commit().await
}

async fn insert(transaction: &Transaction, number: i64) -> Result<(), DbErr> {
    let sql = format!("INSERT INTO numbers (number) VALUES ({number})");
    transaction.execute_unprepared(&sql).await.map(|_| ())
}

/// The number of commit frames in a write-ahead log (section "WAL File Format" of the documentation of SQLite). The
/// header of a frame has the size of the database in its second word if the frame ends a commit.
fn commits_in(log: &Path) -> usize {
    let log = fs::read(log).expect("the write-ahead log");
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().expect("four bytes"));
    let (page, salts) = (word(8) as usize, &log[16..24]);
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|frame| &log[frame + 8..frame + 16] == salts && word(frame + 4) != 0).count()
}

#[tokio::test]
async fn transactions_that_wait_for_each_other_share_a_commit() {
    let fixture = Fixture::new().await;
    let before = fixture.commits();
    let first = fixture.begin(Kind::Shared).await;
    let mut tasks = Vec::new();
    for number in 1..50 {
        tasks.push(fixture.queue(move |transaction| insert_and_commit(transaction, number)).await);
    }
    insert_and_commit(first, 0).await.expect("it is committed");
    for task in tasks {
        task.await.expect("no panic").expect("it is committed");
    }
    assert_eq!(fixture.commits() - before, 1);
    assert_eq!(fixture.numbers().await, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_transaction_that_begins_alone_is_not_part_of_a_group() {
    let fixture = Fixture::new().await;
    let before = fixture.commits();
    let (first, alone) = (fixture.begin(Kind::Shared).await, fixture.group.clone());
    let alone = fixture
        .group
        .tasks
        .spawn(async move { Transaction::sqlite(alone.begin(Kind::Alone).await.expect("its turn")) });
    tokio::task::yield_now().await;
    insert_and_commit(first, 1).await.expect("the group is committed before the other transaction begins");
    let alone = alone.await.expect("no panic");
    assert_eq!(fixture.commits() - before, 1);
    insert_and_commit(alone, 2).await.expect("it is committed");
    assert_eq!(fixture.commits() - before, 2);
    assert_eq!(fixture.numbers().await, [1, 2]);
}

#[tokio::test]
async fn a_transaction_that_fails_or_is_dropped_does_not_affect_the_others() {
    let fixture = Fixture::new().await;
    let first = fixture.begin(Kind::Shared).await;
    let dropped = fixture.queue(async |transaction| insert(&transaction, 10).await).await;
    let rolled_back = fixture
        .queue(async |transaction| {
            insert(&transaction, 11).await?;
            transaction.rollback().await
        })
        .await;
    let constraint = fixture
        .queue(async |transaction| {
            insert(&transaction, 12).await?;
            Ok::<_, DbErr>(insert(&transaction, 1).await)
        })
        .await;
    let failed = fixture
        .queue(async |transaction| {
            insert(&transaction, 13).await?;
            let statement = transaction.execute_unprepared("no SQL").await;
            Ok::<_, DbErr>((statement, transaction.commit().await))
        })
        .await;
    let last = fixture.queue(async |transaction| insert_and_commit(transaction, 2).await).await;
    let before = fixture.commits();

    insert_and_commit(first, 1).await.expect("it is committed");
    last.await.expect("no panic").expect("it is committed");
    assert_eq!(fixture.commits() - before, 1, "all were in one group");
    dropped.await.expect("no panic").expect("it was inserted");
    rolled_back.await.expect("no panic").expect("it was rolled back");
    constraint.await.expect("no panic").expect("it was inserted").expect_err("the number exists");
    let (statement, commit) = failed.await.expect("no panic").expect("it was inserted");
    assert!(statement.is_err() && commit.is_err(), "a transaction with a failed statement is not committed");
    assert_eq!(fixture.numbers().await, [1, 2]);
}

#[tokio::test]
async fn a_caller_that_is_dropped_does_not_cancel_the_commit_of_others() {
    let fixture = Fixture::new().await;
    let first = fixture.begin(Kind::Shared).await;
    insert(&first, 1).await.expect("it is inserted");
    let second = fixture.queue(|transaction| insert_and_commit(transaction, 2)).await;
    let mut commit = Box::pin(first.commit());
    // It is polled once, and then dropped.
    let is_ready = futures_util::FutureExt::now_or_never(&mut commit).is_some();
    drop(commit);
    assert!(!is_ready);
    second.await.expect("no panic").expect("it is committed");
    assert_eq!(fixture.numbers().await, [1, 2]);
}

#[tokio::test]
async fn if_the_commit_fails_every_transaction_of_the_group_reports_it() {
    let fixture = Fixture::new().await;
    let first = fixture.begin(Kind::Shared).await;
    let second = fixture
        .queue(async |transaction| {
            // Deferred: SQLite checks it at the commit.
            let orphan = "INSERT INTO numbers (number, parent) VALUES (2, 7)";
            transaction.execute_unprepared(orphan).await.expect("it is inserted");
            transaction.commit().await
        })
        .await;
    let first = insert_and_commit(first, 1).await;
    let second = second.await.expect("no panic");
    assert!(first.is_err() && second.is_err(), "{first:?} {second:?}");
    assert!(fixture.numbers().await.is_empty(), "nothing was changed");
    insert_and_commit(fixture.begin(Kind::Shared).await, 3).await.expect("the next group is committed");
    assert_eq!(fixture.numbers().await, [3]);
}

#[tokio::test]
async fn on_a_full_disk_exactly_the_confirmed_transactions_are_stored() {
    let fixture = Fixture::new().await;
    fixture.group.connection.execute_unprepared("PRAGMA max_page_count = 8").await.expect("a limit");
    insert_and_commit(fixture.begin(Kind::Shared).await, 100).await.expect("there is room");
    let first = fixture.begin(Kind::Shared).await;
    let mut tasks = Vec::new();
    for number in 1..=20_i64 {
        let insert = async move |transaction: Transaction| {
            let sql = format!("INSERT INTO numbers (number, text) VALUES ({number}, hex(zeroblob(1000)))");
            let inserted = transaction.execute_unprepared(&sql).await;
            inserted.is_ok() && transaction.commit().await.is_ok()
        };
        tasks.push((number, fixture.queue(insert).await));
    }
    // SQLite rolls back the whole group, so all its transactions may fail.
    let mut confirmed = if insert_and_commit(first, 0).await.is_ok() { vec![0] } else { vec![] };
    for (number, task) in tasks {
        // A task panics if its transaction cannot begin.
        if task.await.unwrap_or(false) {
            confirmed.push(number);
        }
    }
    assert!(confirmed.len() < 21, "the disk was full");
    confirmed.push(100);
    assert_eq!(fixture.numbers().await, confirmed);
    insert_and_commit(fixture.begin(Kind::Shared).await, 101).await.expect("there is room for a small row");
}
