use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use portcullis::id::SessionId;
use sea_orm::{DatabaseConnection, EntityTrait};
use serde_json::json;

use super::person::{Account, Person, Wish};
use crate::support::{Client, PASSWORD};

/// How long an ending may take to be heard of that was written but not answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// All rows of sessions, by the ids of these.
pub(super) async fn sessions(db: &DatabaseConnection) -> BTreeMap<String, entity::session::Model> {
    let rows = entity::session::Entity::find().all(db).await.expect("rows");
    rows.into_iter().map(|row| (SessionId::from_uuid(row.id).to_string(), row)).collect()
}

impl Person {
    /// Compares what the server says with what it has told, and learns what came of the last wish.
    pub(super) async fn check(&mut self) {
        let unanswered = self.unanswered.take();
        let Some(probe) = self.come_in(unanswered.as_ref()).await else { return };
        let account = self.account.as_mut().expect("who comes in has an account");
        account.settle_sessions(&probe, unanswered.as_ref()).await;
        account.settle_name(&probe, unanswered).await;
        account.refresh_all().await;
        for client in std::mem::take(&mut account.ended) {
            assert_is_over(&client).await;
        }
        account.enter(probe);
        if account.devices.len() > 4 {
            account.devices[0].client.mutate("logout", json!({}), "errors { code }").await.assert_done();
            account.leave(0, "LOGOUT");
        }
    }

    /// Signs in with the one password that works; `None` when there is no account yet.
    async fn come_in(&mut self, unanswered: Option<&Wish>) -> Option<Client> {
        let mut client = self.nobody.clone();
        let Some(account) = &mut self.account else {
            let answer = client.log_in(&self.name, PASSWORD).await;
            if answer.codes() == ["INVALID_CREDENTIALS"] {
                return None;
            }
            answer.assert_done();
            assert!(matches!(unanswered, Some(Wish::Register)), "{} never registered", self.name);
            self.account = Some(Account::new(&client));
            return Some(client);
        };
        if let Some(Wish::ChangePassword { on, to }) = unanswered {
            let answer = client.log_in(&self.name, to).await;
            if answer.codes().is_empty() {
                answer.assert_done();
                account.change_password(*on, to.clone());
                // It is open, but nobody has its tokens.
                account.devices.clear();
                return Some(client);
            }
            answer.assert_refused("INVALID_CREDENTIALS");
            account.note("LOGIN_FAILED");
        }
        client.log_in(&self.name, &account.password).await.assert_done();
        Some(client)
    }

    /// Compares with the rows of the sessions.
    pub(super) fn check_rows(&self, rows: &BTreeMap<String, entity::session::Model>) {
        let Some(account) = &self.account else { return };
        for device in &account.devices {
            let row = &rows[&device.client.session_id];
            assert_eq!((row.generation, row.revoked_at), (device.generation, None), "{}", self.name);
        }
        for id in &account.over {
            assert!(rows[id].revoked_at.is_some(), "{id} is over");
        }
        let own = rows.values().filter(|row| account.id == user_id(row)).count();
        assert_eq!(own, account.devices.len() + account.over.len(), "{} has a row to a session", self.name);
    }

    /// Uses a token that was followed by two others: the session ends, also for who has the newest.
    pub(super) async fn use_old_tokens(&mut self) {
        let Some(account) = &mut self.account else { return };
        while !account.devices.is_empty() {
            let client = &mut account.devices[0].client;
            let old = client.clone();
            client.refresh().await.assert_done();
            client.refresh().await.assert_done();
            old.refresh_with(old.kept()).await.assert_refused("INVALID_REFRESH_TOKEN");
            assert_is_over(client).await;
            account.leave(0, "REFRESH_TOKEN_REUSED");
        }
    }
}

impl Account {
    /// Compares the open sessions. One that was opened without an answer is of no use, and is ended.
    async fn settle_sessions(&mut self, probe: &Client, unanswered: Option<&Wish>) {
        let mut open = open_sessions(probe).await;
        assert!(open.remove(&probe.session_id), "a session that was just opened is open");
        match unanswered {
            Some(Wish::LogOut { on }) if !open.contains(self.id_of(*on)) => self.leave(*on, "LOGOUT"),
            Some(Wish::Revoke { which, .. }) if !open.contains(self.id_of(*which)) => {
                self.leave(*which, "SESSION_REVOKED");
            }
            _ => {}
        }
        for device in &self.devices {
            assert!(open.remove(&device.client.session_id), "{} is open", device.client.session_id);
        }
        let (least, most) = match unanswered {
            Some(Wish::LogIn) => (0, 1),
            Some(Wish::Register) => (1, 1),
            Some(Wish::ChangePassword { .. }) if self.devices.is_empty() => (1, 1),
            _ => (0, 0),
        };
        assert!((least..=most).contains(&open.len()), "{open:?} are open");
        for id in open {
            if let Some(Wish::LogIn | Wish::Register) = unanswered {
                self.note("LOGIN_SUCCEEDED");
            }
            probe.mutate("revokeSession", json!({ "id": id }), "errors { code }").await.assert_done();
            self.note("SESSION_REVOKED");
            self.over.insert(id);
        }
    }

    fn id_of(&self, place: usize) -> &str {
        &self.devices[place].client.session_id
    }

    async fn settle_name(&mut self, probe: &Client, unanswered: Option<Wish>) {
        let answer = probe.ask("{ me { displayName } }").await;
        let name = answer.assert_done().at("/me/displayName").as_str();
        match unanswered {
            Some(Wish::Rename { to, .. }) if name == Some(&to) => self.rename(to),
            _ => {}
        }
        assert_eq!(name, self.display_name.as_deref());
    }

    /// The newest token of every session works, whether or not its use was answered before; and that of before
    /// leads to the same.
    async fn refresh_all(&mut self) {
        for device in &mut self.devices {
            let before = device.client.clone();
            device.client.refresh().await.assert_done();
            device.generation += 1;
            let again = before.refresh_with(before.kept()).await;
            assert_eq!(
                again.assert_done().at("/it/refreshToken"),
                device.client.kept(),
                "there is one chain"
            );
        }
    }
}

async fn open_sessions(client: &Client) -> BTreeSet<String> {
    let answer = client.ask("{ me { sessions(first: 100) { nodes { id } } } }").await;
    let nodes = answer.assert_done().at("/me/sessions/nodes").as_array().expect("a list");
    nodes.iter().filter_map(|node| node["id"].as_str()).map(ToOwned::to_owned).collect()
}

/// Says that the tokens of a session open nothing.
async fn assert_is_over(client: &Client) {
    client.refresh_with(client.kept()).await.assert_refused("INVALID_REFRESH_TOKEN");
    let began = Instant::now();
    let mut answer = client.me().await;
    while answer.body.get("errors").is_none() && began.elapsed() < PATIENCE {
        answer = client.me().await;
    }
    answer.assert_unauthenticated("TOKEN_REVOKED");
}

fn user_id(row: &entity::session::Model) -> String {
    portcullis::id::UserId::from_uuid(row.user_id).to_string()
}
