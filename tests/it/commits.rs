//! The number of commits of an operation, each of which waits for the disk. SQLite's write-ahead log shows them; on
//! PostgreSQL the operations are the same, but its log has the commits of all databases.

use sea_orm::DbBackend;

use crate::support::{PASSWORD, TestApp};

/// The number of commits in the write-ahead log since it was last reset (section "WAL File Format" of the documentation
/// of SQLite). The header of a frame has the size of the database in its second word if the frame ends a commit.
fn commits(app: &TestApp) -> usize {
    let log = std::fs::read(app.app.config.data_dir.join("test.db-wal")).expect("the write-ahead log");
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().expect("four bytes"));
    let (page, salts) = (usize::try_from(word(8)).expect("a size"), &log[16..24]);
    let frames = (32..log.len()).step_by(24 + page);
    frames.filter(|frame| &log[frame + 8..frame + 16] == salts && word(frame + 4) != 0).count()
}

#[tokio::test]
async fn a_login_is_two_commits_and_a_refresh_one() {
    let app = TestApp::with(|config| config.limits.enabled = true).await;
    let mut ada = app.signed_in("ada").await;
    if app.app.database.reader().get_database_backend() != DbBackend::Sqlite {
        return;
    }
    let before = commits(&app);
    ada.log_in("ada", PASSWORD).await;
    assert_eq!(commits(&app) - before, 2, "the attempt is counted before the password is compared");
    let before = commits(&app);
    ada.refresh().await;
    assert_eq!(commits(&app) - before, 1);
}
