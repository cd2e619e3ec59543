use entity::audit_event::{Column, Entity};
use portcullis::id::{EventId, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Client, PASSWORD, TestApp, until};

/// Follows what happens to the caller's account from now on, which is when the server begins to follow. A test
/// cannot know when that is: see [`TestApp::newest_event`].
pub(crate) const MINE: &str = "subscription { accountEvents { id action } }";

/// Follows what has happened to the caller's account after an event.
pub(crate) fn mine_after(event: &str) -> String {
    format!("subscription {{ accountEvents(after: \"{event}\") {{ id action }} }}")
}

/// The same, but each event is as large as the answers of many requests, so that a few dozen of them are more than
/// the buffers of the network hold. It is for a client of [`Client::with_large_events`].
pub(crate) fn large_after(event: &str) -> String {
    let sessions = |n| format!("s{n}: sessions(first: 50) {{ nodes {{ userAgent }} }}");
    let sessions: Vec<_> = (0..25).map(sessions).collect();
    let user = sessions.join(" ");
    format!("subscription {{ accountEvents(after: \"{event}\") {{ id action user {{ {user} }} }} }}")
}

impl TestApp {
    /// The newest event of an account, or of all, when nothing can appear before it any longer. Who follows after
    /// it hears of what happens from now on, however late the server begins to follow.
    pub(crate) async fn newest_event(&self, user: Option<&str>) -> String {
        let database = &self.app.database;
        let user: Option<UserId> = user.map(|user| user.parse().expect("an id"));
        let of_user = user.map(|user| Column::UserId.eq(user.uuid()));
        let newest = Entity::find().filter(sea_orm::Condition::all().add_option(of_user));
        let newest = newest.order_by_desc(Column::Position).order_by_desc(Column::Id);
        let newest = newest.one(database.reader()).await.expect("the database answers").expect("an event");
        until(async || {
            let snapshot = database.snapshot().await.expect("the database answers");
            snapshot.is_none_or(|snapshot| newest.position < snapshot.first_open)
        })
        .await;
        EventId::from_uuid(newest.id).to_string()
    }

    /// Follows what happens to the client's account from now on.
    pub(crate) async fn mine(&self, client: &Client) -> String {
        mine_after(&self.newest_event(Some(&client.user_id)).await)
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
