use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::{AUTH, Answer, Client, PASSWORD, Rng, USER};

/// Somebody who does one thing after another, and remembers what they were told.
pub(super) struct Person {
    pub(super) name: String,
    rng: Rng,
    pub(super) nobody: Client,
    /// `None` until they have been told that they have one.
    pub(super) account: Option<Account>,
    /// The last request, if it got no response.
    pub(super) unanswered: Option<Wish>,
    pub(super) unanswered_ever: usize,
}

/// The expected state of an account.
pub(super) struct Account {
    pub(super) id: String,
    pub(super) password: String,
    pub(super) display_name: Option<String>,
    /// Their open sessions.
    pub(super) devices: Vec<Device>,
    /// The sessions that ended since the last comparison, with their last tokens.
    pub(super) ended: Vec<Client>,
    /// The ids of all that have ended.
    pub(super) over: BTreeSet<String>,
    /// The number of audit events, by action.
    pub(super) events: BTreeMap<&'static str, usize>,
}

/// An open session.
pub(super) struct Device {
    pub(super) client: Client,
    /// The number of rotations of its refresh token.
    pub(super) generation: i64,
}

/// The requests that a user may send. A session is identified by its index in the list.
pub(super) enum Wish {
    Register,
    LogIn,
    LookAround { on: usize },
    Refresh { on: usize },
    LogOut { on: usize },
    Revoke { on: usize, which: usize },
    ChangePassword { on: usize, to: String },
    Rename { on: usize, to: String },
}

impl Person {
    pub(super) fn new(number: usize, seed: u64, nobody: Client) -> Self {
        let rng = Rng::new(seed ^ (number as u64 + 1));
        let name = format!("person{number}");
        Self { name, rng, nobody, account: None, unanswered: None, unanswered_ever: 0 }
    }

    /// Does something, and says whether there was an answer.
    pub(super) async fn act(&mut self) -> bool {
        let wish = self.choose();
        match self.ask(&wish).await.filter(is_an_answer) {
            Some(answer) => {
                answer.assert_done();
                self.learn(wish, answer);
                true
            }
            None => {
                self.unanswered_ever += 1;
                self.unanswered = Some(wish);
                false
            }
        }
    }

    fn choose(&mut self) -> Wish {
        let Some(account) = &self.account else { return Wish::Register };
        let open = account.devices.len();
        if open == 0 {
            return Wish::LogIn;
        }
        let on = self.rng.below(open);
        let what = self.rng.below(20);
        let number = self.rng.below(1_000_000);
        match what {
            0 | 1 if open < 6 => Wish::LogIn,
            2 => Wish::LogOut { on },
            3 if open > 1 => Wish::Revoke { on, which: (on + 1 + number % (open - 1)) % open },
            4 => Wish::ChangePassword { on, to: format!("{PASSWORD} {number}") },
            5..8 => Wish::Rename { on, to: format!("Name {number}") },
            8..14 => Wish::Refresh { on },
            _ => Wish::LookAround { on },
        }
    }

    async fn ask(&self, wish: &Wish) -> Option<Answer> {
        let account = self.account.as_ref();
        let on = |place: usize| &account.expect("who has a session has an account").devices[place].client;
        let password = account.map_or(PASSWORD, |account| &account.password);
        let credentials = json!({ "username": self.name, "password": password });
        match wish {
            Wish::Register => self.nobody.try_mutate("register", credentials, AUTH).await,
            Wish::LogIn => self.nobody.try_mutate("login", credentials, AUTH).await,
            Wish::LookAround { on: place } => {
                on(*place).try_send(&json!({ "query": "{ it: me { displayName } }" })).await
            }
            Wish::Refresh { on: place } => on(*place).clone().try_refresh().await,
            Wish::LogOut { on: place } => on(*place).try_mutate("logout", json!({}), "errors { code }").await,
            Wish::Revoke { on: place, which } => {
                let id = json!({ "id": on(*which).session_id });
                on(*place).try_mutate("revokeSession", id, "errors { code }").await
            }
            Wish::ChangePassword { on: place, to } => {
                let input = json!({ "currentPassword": password, "newPassword": to });
                on(*place).try_mutate("changePassword", input, AUTH).await
            }
            Wish::Rename { on: place, to } => {
                on(*place).try_mutate("updateProfile", json!({ "displayName": to }), USER).await
            }
        }
    }

    /// Keeps in mind what an answer says.
    fn learn(&mut self, wish: Wish, answer: Answer) {
        let Some(account) = &mut self.account else {
            let mut client = self.nobody.clone();
            client.keep(answer);
            let mut account = Account::new(&client);
            account.enter(client);
            self.account = Some(account);
            return;
        };
        match wish {
            Wish::Register | Wish::LogIn => {
                let mut client = self.nobody.clone();
                client.keep(answer);
                account.enter(client);
            }
            Wish::LookAround { .. } => {
                assert_eq!(answer.at("/it/displayName").as_str(), account.display_name.as_deref());
            }
            Wish::Refresh { on } => account.devices[on].renew(answer),
            Wish::LogOut { on } => account.leave(on, "LOGOUT"),
            Wish::Revoke { which, .. } => account.leave(which, "SESSION_REVOKED"),
            Wish::ChangePassword { on, to } => {
                account.change_password(on, to);
                account.devices[0].renew(answer);
            }
            Wish::Rename { to, .. } => account.rename(to),
        }
    }
}

/// Whether the server has said what came of it: one that has lost its database cannot know.
fn is_an_answer(answer: &Answer) -> bool {
    answer.body["errors"][0]["extensions"]["code"] != "SERVICE_UNAVAILABLE"
}

impl Account {
    /// The account that this client has just registered, before its first session is counted.
    pub(super) fn new(client: &Client) -> Self {
        Self {
            id: client.user_id.clone(),
            password: PASSWORD.to_owned(),
            display_name: None,
            devices: Vec::new(),
            ended: Vec::new(),
            over: BTreeSet::new(),
            events: [("USER_REGISTERED", 1)].into(),
        }
    }

    pub(super) fn note(&mut self, action: &'static str) {
        *self.events.entry(action).or_default() += 1;
    }

    pub(super) fn enter(&mut self, client: Client) {
        self.note("LOGIN_SUCCEEDED");
        self.devices.push(Device { client, generation: 0 });
    }

    pub(super) fn leave(&mut self, place: usize, action: &'static str) {
        self.note(action);
        let client = self.devices.remove(place).client;
        self.over.insert(client.session_id.clone());
        self.ended.push(client);
    }

    /// Ends all sessions but one, whose tokens are new ones.
    pub(super) fn change_password(&mut self, on: usize, to: String) {
        self.devices.swap(0, on);
        while self.devices.len() > 1 {
            self.leave(1, "SESSION_REVOKED");
        }
        self.note("PASSWORD_CHANGED");
        self.password = to;
    }

    pub(super) fn rename(&mut self, to: String) {
        self.note("USER_UPDATED");
        self.display_name = Some(to);
    }
}

impl Device {
    fn renew(&mut self, answer: Answer) {
        self.client.keep(answer);
        self.generation += 1;
    }
}
