//! A server whose clock jumps ahead must not delete active data.

use std::time::Duration;

use portcullis::worker::Cleanup;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::TestApp;

const YEAR: Duration = Duration::from_hours(365 * 24);

async fn count(app: &TestApp, table: &str) -> i64 {
    let db = app.app.database.reader();
    let sql = Statement::from_string(db.get_database_backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
    let row = db.query_one_raw(sql).await.expect("the database answers").expect("a row");
    row.try_get("", "n").expect("a number")
}

/// A server that has cleaned up once, and its cleanup.
async fn started() -> (TestApp, Cleanup) {
    let app = TestApp::with(|config| config.audit.retention = Duration::from_hours(24)).await;
    let cleanup = Cleanup::new((*app.app).clone());
    cleanup.run().await;
    (app, cleanup)
}

#[tokio::test]
async fn sessions_survive_a_clock_that_jumps_ahead_and_is_corrected() {
    let (app, cleanup) = started().await;
    let mut ada = app.signed_in("ada").await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    ada.log_in("ada", crate::support::PASSWORD).await.assert_done();
    let tables = ["sessions", "changes", "audit_events", "signing_keys"];
    let mut before = Vec::new();
    for table in tables {
        before.push(count(&app, table).await);
    }
    app.wait(YEAR);
    assert!(!cleanup.is_clock_steady().await.expect("the database answers"));
    cleanup.run().await;
    cleanup.run().await;
    // As after a restart.
    Cleanup::new((*app.app).clone()).run().await;
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(count(&app, table).await, before, "{table}");
    }

    let corrected = app.replica_ahead(Duration::ZERO).await;
    let mut ada = ada.at(corrected.url("/graphql"));
    ada.refresh().await.assert_done();
    ada.me().await.assert_done();
    assert!(Cleanup::new((*corrected.app).clone()).is_clock_steady().await.expect("the database answers"));
}

#[tokio::test]
async fn what_expires_while_the_server_runs_is_deleted() {
    let (app, cleanup) = started().await;
    app.signed_in("ada").await;
    for _ in 0..8 * 24 {
        app.wait(Duration::from_hours(1));
        cleanup.run().await;
    }
    assert_eq!(count(&app, "sessions").await, 0);
    assert_eq!(count(&app, "audit_events").await, 0);
}

#[tokio::test]
async fn a_server_whose_clock_is_right_deletes_what_another_must_not() {
    let (app, cleanup) = started().await;
    app.signed_in("ada").await;
    let ahead = app.replica_ahead(YEAR).await;
    let other = Cleanup::new((*ahead.app).clone());
    for _ in 0..3 {
        app.wait(Duration::from_mins(1));
        cleanup.run().await;
        other.run().await;
    }
    assert_eq!(count(&app, "sessions").await, 1);
}
