use entity::audit_event::{Column, Entity};
use portcullis::id::{EventId, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Client, PASSWORD, TestApp, eventually};

/// Subscribes to the events of the caller's account. The subscription begins at an unknown moment, so a test that needs
/// a known one uses [`TestApp::newest_event`].
pub(crate) const OWN_EVENTS: &str = "subscription { accountEvents { id action } }";

/// Subscribes to the events of the caller's account after a given event.
pub(crate) fn own_events_after(event: &str) -> String {
    format!("subscription {{ accountEvents(after: \"{event}\") {{ id action }} }}")
}

/// The same, but with large events, so that a few dozen of them exceed the buffers of the network. It is for a client of
/// [`Client::with_large_events`].
pub(crate) fn large_after(event: &str) -> String {
    let sessions = |n| format!("s{n}: sessions(first: 50) {{ nodes {{ userAgent }} }}");
    let sessions: Vec<_> = (0..25).map(sessions).collect();
    let user = sessions.join(" ");
    format!("subscription {{ accountEvents(after: \"{event}\") {{ id action user {{ {user} }} }} }}")
}

impl TestApp {
    /// The newest event of an account, or of all accounts. Waits until no event can appear before it any more. A
    /// subscription after it receives all events from now on, however late the server starts it.
    pub(crate) async fn newest_event(&self, user: Option<&str>) -> String {
        let database = &self.app.database;
        let user: Option<UserId> = user.map(|user| user.parse().expect("an id"));
        let of_user = user.map(|user| Column::UserId.eq(user.uuid()));
        let newest = Entity::find().filter(sea_orm::Condition::all().add_option(of_user));
        let newest = newest.order_by_desc(Column::Position).order_by_desc(Column::Id);
        let newest = newest.one(database.reader()).await.expect("the database answers").expect("an event");
        eventually(async || {
            let snapshot = database.snapshot().await.expect("the database answers");
            snapshot.is_none_or(|snapshot| newest.position < snapshot.xmin)
        })
        .await;
        EventId::from_uuid(newest.id).to_string()
    }

    /// Follows what happens to the client's account from now on.
    pub(crate) async fn mine(&self, client: &Client) -> String {
        own_events_after(&self.newest_event(Some(&client.user_id)).await)
    }
}

impl Client {
    /// Registers an account that has much to tell of itself.
    pub(crate) async fn with_large_events(self, username: &str) -> Self {
        let mut client = self.header("user-agent", &"x".repeat(250));
        client.register(username, PASSWORD).await.assert_done();
        for _ in 0..20 {
            client.log_in(username, PASSWORD).await.assert_done();
        }
        client
    }

    /// A failed sign-in, which is an event of the account and nothing else.
    pub(crate) async fn fail_to_log_in(&self, username: &str) {
        self.clone().log_in(username, "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
}
