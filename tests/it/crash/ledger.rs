use std::collections::BTreeMap;

use serde_json::json;

use super::person::Person;
use crate::support::{Client, PASSWORD};

/// The audit log, as an administrator reads it.
pub(super) struct Ledger {
    root: Client,
    /// Where the newest event stands that was read.
    newest: Option<String>,
    /// The number of events, by account and action.
    counts: BTreeMap<(String, String), usize>,
}

impl Ledger {
    pub(super) async fn open(mut root: Client) -> Self {
        root.log_in("root", PASSWORD).await.assert_done();
        Self { root, newest: None, counts: BTreeMap::new() }
    }

    /// Reads what is new, and says that it has every event that somebody was told of, and no other.
    pub(super) async fn compare(&mut self, people: &[Person]) {
        while self.read_page().await {}
        for account in people.iter().filter_map(|person| person.account.as_ref()) {
            let own = self.counts.iter().filter(|((user, _), _)| *user == account.id);
            let own: BTreeMap<&str, usize> =
                own.map(|((_, action), count)| (action.as_str(), *count)).collect();
            assert_eq!(own, account.events, "{}", account.id);
        }
    }

    /// Reads a page of what is newer, and says whether there was any.
    async fn read_page(&mut self) -> bool {
        let query = "query($before: String) { auditEvents(last: 100, before: $before) { \
            edges { cursor node { action user { id } } } } }";
        let answer = self.root.ask_with(query, json!({ "before": self.newest })).await;
        let edges = answer.assert_done().at("/auditEvents/edges").as_array().expect("a list");
        for node in edges.iter().map(|edge| &edge["node"]) {
            let (user, action) = (node["user"]["id"].as_str(), node["action"].as_str());
            let key = (user.unwrap_or_default().to_owned(), action.expect("an action").to_owned());
            *self.counts.entry(key).or_default() += 1;
        }
        if let Some(newest) = edges.first() {
            self.newest = newest["cursor"].as_str().map(ToOwned::to_owned);
        }
        !edges.is_empty()
    }
}
