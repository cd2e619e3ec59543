//! The order of events in cases that clients cannot produce: open transactions, many events at once, and a database that
//! was copied from another server.

use futures_util::{FutureExt, StreamExt};
use portcullis::{
    audit::{Actor, AuditAction, EventFilter, NewEvent},
    database::Transaction,
    id::UserId,
};
use sea_orm::ConnectionTrait;

use super::{action, id, log_of};
use crate::support::{Client, PATIENCE, Socket, TestApp, own_events_after, postgres};

/// Writes an event of an account in a transaction that stays open.
async fn write(app: &TestApp, of: &Client) -> Transaction {
    let user: UserId = of.user_id.parse().expect("an id");
    let event = app.clock().uuid();
    let transaction = app.app.database.begin().await.expect("a transaction");
    let sql = format!(
        "INSERT INTO audit_events (id, action, at, user_id) VALUES ('{event}', 'LOGOUT', 0, '{}')",
        user.uuid()
    );
    transaction.execute_unprepared(&sql).await.expect("the row is written");
    transaction
}

#[tokio::test]
async fn events_that_commit_out_of_order_are_told_in_order_and_none_is_missed() {
    if postgres().is_none() {
        return; // SQLite has one writer: what is written first commits first.
    }
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut socket = Socket::open(&ada).await;
    socket.subscribe("1", &app.mine(&ada).await).await;
    let early = write(&app, &ada).await;
    let rolled_back = write(&app, &ada).await;
    app.anonymous().fail_to_log_in("ada").await;
    // It has committed, but what is still to come stands before it.
    socket.assert_silent().await;
    early.commit().await.expect("committed");
    assert_eq!(action(&socket.next("1").await), "LOGOUT");
    socket.assert_silent().await;
    rolled_back.rollback().await.expect("rolled back");
    assert_eq!(action(&socket.next("1").await), "LOGIN_FAILED");
    socket.assert_silent().await;
}

#[tokio::test]
async fn a_list_and_what_follows_it_have_no_gap() {
    if postgres().is_none() {
        return; // What the list shows is settled there.
    }
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let early = write(&app, &ada).await;
    app.anonymous().fail_to_log_in("ada").await;
    // The list shows the later event, and the earlier one is yet to come.
    let newest = log_of(&root, &ada.user_id).await.pop().expect("an event");
    let user = Some(ada.user_id.parse().expect("an id"));
    let after = Some(newest.parse().expect("an id"));
    let subscription = app.app.audit.subscribe(EventFilter { user, ..EventFilter::default() }, after).await;
    let mut events = Box::pin(subscription.expect("the database answers"));
    early.commit().await.expect("committed");
    let mut event = async || {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("it comes");
        event.expect("there is no end").expect("the database answers")
    };
    // What others write in the cluster may keep what the list showed from being settled: it comes again then.
    let first = loop {
        match event().await {
            again if [AuditAction::UserRegistered, AuditAction::LoginSucceeded].contains(&again.action) => {}
            first => break first,
        }
    };
    assert_eq!(first.action, AuditAction::Logout);
    // The later one is settled by then as well, but was seen already.
    app.anonymous().fail_to_log_in("ada").await;
    assert_ne!(event().await.id.to_string(), newest);
}

#[tokio::test]
async fn who_is_slower_than_all_channels_reads_the_log_and_misses_nothing() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let user = Some(ada.user_id.parse().expect("an id"));
    let audit = &app.app.audit;
    let mut events = Box::pin(
        audit
            .subscribe(EventFilter { user, ..EventFilter::default() }, None)
            .await
            .expect("the database answers"),
    );
    assert!(events.next().now_or_never().is_none(), "nothing has happened");
    let new_event = NewEvent { action: AuditAction::Logout, user, session: None, actor: Actor::Server };
    let mut written = Vec::new();
    for _ in 0..250 {
        written.push(audit.record_standalone(new_event).await.expect("the database answers").id);
    }
    // Until all of them are settled.
    for expected in written {
        let event = tokio::time::timeout(PATIENCE, events.next()).await;
        let event = event.expect("it comes").expect("there is no end").expect("the database answers");
        assert_eq!(event.id, expected);
    }
    assert!(events.next().now_or_never().is_none());
}

#[tokio::test]
async fn events_that_were_written_in_another_cluster_come_before_those_of_this_one() {
    if postgres().is_none() {
        return; // A file takes its places along.
    }
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    for _ in 0..3 {
        app.anonymous().fail_to_log_in("ada").await;
    }
    let before = log_of(&root, &ada.user_id).await;
    app.stop().await;
    // As a dump brings them.
    let sql = "UPDATE audit_events SET position = position + 1000000000000";
    app.app.database.writer().execute_unprepared(sql).await.expect("the rows are there");

    let app = app.replica().await;
    let ada = ada.at(app.url("/graphql"));
    let mut live = Socket::open(&ada).await;
    live.subscribe("1", &app.mine(&ada).await).await;
    let mut resumed = Socket::open(&ada).await;
    resumed.subscribe("1", &own_events_after(&before[0])).await;
    for expected in &before[1..] {
        assert_eq!(id(&resumed.next("1").await), *expected);
    }
    app.anonymous().fail_to_log_in("ada").await;
    assert_eq!(id(&live.next("1").await), id(&resumed.next("1").await));
    live.assert_silent().await;
    resumed.assert_silent().await;
}
