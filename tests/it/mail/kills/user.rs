use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Account, MailServer, account::Wish};
use crate::support::{Client, Rng};

/// The number of accounts that a user keeps from one round to the next.
const KEPT: usize = 3;

/// Somebody who registers accounts and resets their passwords, one request after another.
pub(super) struct User {
    number: u64,
    rng: Rng,
    client: Client,
    mail: Arc<MailServer>,
    accounts: Vec<Account>,
    /// Accounts that were checked, and are checked again at the end.
    retired: Vec<Account>,
    registrations: usize,
    /// The number of lost responses.
    pub(super) unanswered: usize,
}

impl User {
    pub(super) fn new(number: u64, client: Client, mail: Arc<MailServer>) -> Self {
        Self {
            number,
            rng: Rng::new(number),
            client,
            mail,
            accounts: Vec::new(),
            retired: Vec::new(),
            registrations: 0,
            unanswered: 0,
        }
    }

    /// Sends a request. Returns whether it was confirmed. Without a response, waits until the server is available again.
    pub(super) async fn act(&mut self) -> bool {
        let Some((place, wish)) = self.choose() else {
            sleep(Duration::from_millis(5)).await;
            return false;
        };
        if self.accounts[place].send(&self.client, wish).await {
            return true;
        }
        self.unanswered += 1;
        while self.client.try_send(&serde_json::json!({ "query": "{ __typename }" })).await.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        false
    }

    fn choose(&mut self) -> Option<(usize, Wish)> {
        if self.accounts.len() < KEPT || self.rng.below(12) == 0 {
            let name = format!("user{}-{}", self.number, self.registrations);
            self.registrations += 1;
            self.accounts.push(Account::new(name));
            return Some((self.accounts.len() - 1, Wish::Register));
        }
        let number = self.rng.below(1_000_000);
        let mut accounts = self.accounts.iter_mut().enumerate();
        accounts.find_map(|(place, account)| Some((place, account.next_wish(&self.mail, number)?)))
    }

    /// Finds out which requests without a response took effect.
    pub(super) async fn settle(&mut self) {
        for mut account in std::mem::take(&mut self.accounts) {
            if account.settle(&self.client, &self.mail).await {
                self.accounts.push(account);
            }
        }
    }

    pub(super) async fn check(&mut self) {
        for account in &self.accounts {
            account.check(&self.client, &self.mail).await;
        }
        let surplus = self.accounts.len().saturating_sub(KEPT);
        self.retired.extend(self.accounts.drain(..surplus));
    }

    pub(super) async fn check_retired(&self) {
        for account in self.accounts.iter().chain(&self.retired) {
            account.check_password(&self.client).await;
        }
    }

    /// The number of resets.
    pub(super) fn resets(&self) -> usize {
        self.accounts.iter().chain(&self.retired).map(|account| account.resets).sum()
    }
}
