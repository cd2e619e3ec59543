use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::MailServer;
use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD};

/// The links in the messages. They are so short that no line break of the encoding is in them.
pub(super) const VERIFY_LINK: (&str, &str) =
    ("PORTCULLIS_ACCOUNTS__LINKS__VERIFY_EMAIL", "https://a.example/v#{token}");
pub(super) const RESET_LINK: (&str, &str) =
    ("PORTCULLIS_ACCOUNTS__LINKS__RESET_PASSWORD", "https://a.example/r#{token}");

/// An account as its user knows it.
pub(super) struct Account {
    pub(super) username: String,
    address: String,
    password: String,
    replaced_password: Option<String>,
    /// The number of confirmed requests of messages that reset the password.
    requests: usize,
    /// The number of confirmed resets.
    pub(super) resets: usize,
    /// The token of the newest reset.
    used_token: Option<String>,
    stage: Stage,
}

/// The next step of an account.
enum Stage {
    /// It has no link.
    Idle,
    /// A message with a link is on its way.
    Awaiting,
    /// It has an unused link with this token.
    Holding(String),
    /// The response to this request was lost.
    InDoubt(Wish),
}

/// A request.
#[derive(Clone)]
pub(super) enum Wish {
    Register,
    RequestReset,
    Reset { token: String, password: String },
}

/// The messages to an address, each by its Message-ID, so that copies count once.
#[derive(Default)]
struct Mailbox {
    verifications: usize,
    /// The tokens that reset the password, oldest first: Message-IDs sort by time.
    resets: Vec<String>,
    notices: usize,
}

impl Mailbox {
    fn read(mail: &MailServer, address: &str) -> Self {
        let messages = mail.accepted_for(address).into_iter();
        let messages: BTreeMap<_, _> = messages.map(|text| (message_id(&text), text)).collect();
        let mut mailbox = Self::default();
        for text in messages.into_values() {
            if token_after("/v#", &text).is_some() {
                mailbox.verifications += 1;
            } else if let Some(token) = token_after("/r#", &text) {
                mailbox.resets.push(token);
            } else {
                mailbox.notices += 1;
            }
        }
        mailbox
    }
}

/// The Message-ID of a message.
pub(super) fn message_id(text: &str) -> String {
    let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    id.expect("a message has an id").to_owned()
}

fn token_after(path: &str, text: &str) -> Option<String> {
    let (_, rest) = text.split_once(path)?;
    Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect())
}

impl Account {
    /// An account that is not registered yet.
    pub(super) fn new(username: String) -> Self {
        Self {
            address: format!("{username}@example.org"),
            username,
            password: PASSWORD.to_owned(),
            replaced_password: None,
            requests: 0,
            resets: 0,
            used_token: None,
            stage: Stage::Idle,
        }
    }

    /// The request that its user sends next, if it does not wait for a message or a comparison.
    pub(super) fn next_wish(&mut self, mail: &MailServer, number: usize) -> Option<Wish> {
        if let Stage::Awaiting = self.stage {
            let mut tokens = Mailbox::read(mail, &self.address).resets;
            if tokens.len() == self.requests {
                self.stage = tokens.pop().map_or(Stage::Idle, Stage::Holding);
            }
        }
        match &self.stage {
            Stage::Idle => Some(Wish::RequestReset),
            Stage::Holding(token) => {
                let password = format!("{OTHER_PASSWORD} {number}");
                Some(Wish::Reset { token: token.clone(), password })
            }
            Stage::Awaiting | Stage::InDoubt(_) => None,
        }
    }

    /// Sends a request. Returns whether a response arrived.
    pub(super) async fn send(&mut self, client: &Client, wish: Wish) -> bool {
        let answer = match &wish {
            Wish::Register => {
                let input =
                    json!({ "username": self.username, "email": self.address, "password": self.password });
                client.try_mutate("register", input, AUTH).await
            }
            Wish::RequestReset => {
                let input = json!({ "email": self.address });
                client.try_mutate("requestPasswordReset", input, "challenge errors { code }").await
            }
            Wish::Reset { token, password } => try_reset(client, token, password).await,
        };
        // A loaded server that gives a request up has not said either whether it took effect.
        let Some(answer) = answer.filter(|answer| !is_unavailable(answer)) else {
            self.stage = Stage::InDoubt(wish);
            return false;
        };
        answer.assert_done();
        self.learn(wish);
        true
    }

    /// Records a request that took effect.
    fn learn(&mut self, wish: Wish) {
        self.stage = match wish {
            Wish::Register => Stage::Idle,
            Wish::RequestReset => {
                self.requests += 1;
                Stage::Awaiting
            }
            Wish::Reset { token, password } => {
                self.resets += 1;
                self.used_token = Some(token);
                self.replaced_password = Some(std::mem::replace(&mut self.password, password));
                Stage::Idle
            }
        };
    }

    /// Finds out whether the request took effect whose response was lost. Returns `false` if the account does not exist.
    pub(super) async fn settle(&mut self, client: &Client, mail: &MailServer) -> bool {
        let Stage::InDoubt(wish) = &self.stage else { return true };
        let wish = wish.clone();
        self.stage = Stage::Idle;
        let mailbox = Mailbox::read(mail, &self.address);
        match &wish {
            Wish::Register => {
                let exists = can_log_in(client, &self.username, &self.password).await;
                assert_eq!(mailbox.verifications, usize::from(exists), "the account and its message are one");
                return exists;
            }
            Wish::RequestReset if mailbox.resets.len() > self.requests => self.learn(wish),
            Wish::RequestReset => {}
            Wish::Reset { token, password } => {
                if can_log_in(client, &self.username, password).await {
                    assert!(!can_log_in(client, &self.username, &self.password).await, "one password works");
                } else {
                    // A reset that did not take effect has not used its link.
                    assert!(can_log_in(client, &self.username, &self.password).await, "a password works");
                    try_reset(client, token, password).await.expect("a response").assert_done();
                }
                self.learn(wish);
            }
        }
        true
    }

    /// Compares the messages with the requests, once all have arrived, and the password with the resets.
    pub(super) async fn check(&self, client: &Client, mail: &MailServer) {
        let mailbox = Mailbox::read(mail, &self.address);
        let messages = (mailbox.verifications, mailbox.resets.len(), mailbox.notices);
        // The first reset verifies the address, and only a verified address receives notices.
        let notices = self.resets.saturating_sub(1);
        assert_eq!(messages, (1, self.requests, notices), "{}", self.address);
        self.check_password(client).await;
    }

    pub(super) async fn check_password(&self, client: &Client) {
        assert!(can_log_in(client, &self.username, &self.password).await, "{}", self.username);
        if let Some(replaced) = &self.replaced_password {
            assert!(!can_log_in(client, &self.username, replaced).await, "{}", self.username);
        }
        if let Some(token) = &self.used_token {
            let again = try_reset(client, token, PASSWORD).await.expect("a response");
            again.assert_refused("INVALID_CHALLENGE");
        }
    }
}

async fn try_reset(client: &Client, token: &str, password: &str) -> Option<Answer> {
    let input: Value = json!({ "proof": { "token": token }, "newPassword": password });
    client.try_mutate("resetPassword", input, AUTH).await
}

fn is_unavailable(answer: &Answer) -> bool {
    answer.body["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
}

async fn can_log_in(client: &Client, username: &str, password: &str) -> bool {
    let mut answer = client.clone().log_in(username, password).await;
    for _ in 0..10 {
        if !is_unavailable(&answer) {
            break;
        }
        sleep(Duration::from_secs(1)).await;
        answer = client.clone().log_in(username, password).await;
    }
    let is_refused = answer.codes() == ["INVALID_CREDENTIALS"];
    if !is_refused {
        answer.assert_done();
    }
    !is_refused
}
