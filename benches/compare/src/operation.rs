//! The operations, and their requests to a server that has passed its checks.

use std::sync::Arc;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    Outcome,
    accounts::{ACCOUNTS, ADMINISTRATOR, username},
    http::{self, Connection},
    queries,
    script::{Exchange, Expected, Refresh, Repeat, Script, tokens},
    server::Server,
};

/// The number of connections, each with an account of its own.
pub(crate) const CONNECTIONS: usize = 32;

/// The number of sessions that each connection refreshes in turn. Portcullis permits 300 refreshes of an account per
/// minute, so that 256 accounts together may refresh 1,280 times per second without a pause.
const SESSIONS_PER_CONNECTION: usize = 8;

/// The operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Operation {
    /// The account of the caller, from the claims of the token and a cache
    Me,
    /// One account, from the database
    User,
    /// A page of 25 accounts, from the database
    Users,
    /// A sign-in with a password
    Login,
    /// New tokens for a refresh token
    Refresh,
    /// The key set
    Jwks,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Me => "me",
            Self::User => "one account",
            Self::Users => "25 accounts",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Jwks => "JWKS",
        }
    }
}

/// The clients of an operation, one for each connection.
pub(crate) type Scripts = Vec<Box<dyn Script>>;

/// The state of the clients of one server, over all rounds.
pub(crate) struct Clients {
    scripts: Vec<(Operation, Scripts)>,
}

/// The sizes of the responses and of an access token of Portcullis, bytes. The bare server has the same sizes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sizes {
    pub(crate) token: usize,
    pub(crate) me: usize,
    pub(crate) user: usize,
    pub(crate) users: usize,
}

impl Clients {
    /// Signs in to a server, checks its responses, and prepares the requests.
    ///
    /// # Errors
    /// If a response is wrong, or a request is permitted that must not be.
    pub(crate) fn prepare(port: u16, operations: &[Operation], sizes: &mut Sizes) -> Outcome<Self> {
        let mut preparation = Preparation::sign_in(port)?;
        preparation.check_refusals()?;
        preparation.check_accounts(sizes)?;
        let mut scripts = Vec::new();
        for &operation in operations {
            scripts.push((operation, preparation.scripts(operation)?));
        }
        Ok(Self { scripts })
    }

    /// Prepares the requests to the bare server, which checks no token.
    pub(crate) fn prepare_bare(operations: &[Operation], sizes: Sizes) -> Self {
        let exchanges = |operation| {
            let (size, body) = match operation {
                Operation::Me => (sizes.me, queries::me()),
                Operation::User => (sizes.user, queries::user(&username(0))),
                Operation::Users => (sizes.users, queries::users()),
                Operation::Login | Operation::Refresh | Operation::Jwks => return None,
            };
            let request = http::post(&format!("/body/{size}"), Some(&"x".repeat(sizes.token)), &body);
            let exchanges: Arc<[Exchange]> = [Exchange { request, expected: Expected::Size(size) }].into();
            Some((operation, repeat(|_| Arc::clone(&exchanges))))
        };
        Self { scripts: operations.iter().copied().filter_map(exchanges).collect() }
    }

    /// Prepares sign-ins, and a request for the account of a caller.
    pub(crate) fn prepare_logins(port: u16) -> Outcome<(Scripts, Vec<u8>)> {
        let (access, _) = tokens(&Connection::open(port)?.graphql(None, &queries::login(&username(0)))?)?;
        Ok((for_each_account(None, queries::login), http::post("/graphql", Some(&access), &queries::me())))
    }

    /// The clients of an operation. `None` if the server does not have it.
    pub(crate) fn of(&mut self, operation: Operation) -> Option<&mut [Box<dyn Script>]> {
        let found = self.scripts.iter_mut().find(|(known, _)| *known == operation)?;
        Some(&mut found.1)
    }
}

/// A script for each connection, which starts at another exchange than the others.
fn repeat(exchanges: impl Fn(usize) -> Arc<[Exchange]>) -> Scripts {
    let script = |number| {
        let exchanges = exchanges(number);
        let start = number * exchanges.len() / CONNECTIONS;
        Box::new(Repeat::new(exchanges, start)) as Box<dyn Script>
    };
    (0..CONNECTIONS).map(script).collect()
}

/// Requests for each account. Each connection starts with another one.
fn for_each_account(token: Option<&str>, body: impl Fn(&str) -> Value) -> Scripts {
    let is_login = token.is_none();
    let exchange = |number| {
        let username = username(number);
        let request = http::post("/graphql", token, &body(&username));
        let text =
            if is_login { r#""accessToken":"ey"#.to_owned() } else { format!(r#""username":"{username}""#) };
        Exchange { request, expected: Expected::Contains(text) }
    };
    let exchanges: Arc<[Exchange]> = (0..ACCOUNTS).map(exchange).collect();
    repeat(|_| Arc::clone(&exchanges))
}

/// A connection to a server, and the tokens of its accounts.
pub(crate) struct Preparation {
    connection: Connection,
    administrator: String,
    /// The access token and the refresh token of each account.
    tokens: Vec<(String, String)>,
}

impl Preparation {
    /// Signs in to the accounts.
    fn sign_in(port: u16) -> Outcome<Self> {
        let mut connection = Connection::open(port)?;
        let (administrator, _) = tokens(&connection.graphql(None, &queries::login(ADMINISTRATOR))?)?;
        let sessions = 0..CONNECTIONS * SESSIONS_PER_CONNECTION;
        let all =
            sessions.map(|number| tokens(&connection.graphql(None, &queries::login(&username(number)))?));
        let all = all.collect::<Outcome<_>>()?;
        Ok(Self { connection, administrator, tokens: all })
    }

    /// Checks that the server does what it is there for: it refuses callers.
    fn check_refusals(&mut self) -> Outcome {
        let (access, refresh) = self.tokens[0].clone();
        let (signed, signature) = access.rsplit_once('.').ok_or("the access token is no JWT")?;
        let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        for token in [None, Some(forged.as_str()), Some(refresh.as_str())] {
            let response = self.connection.graphql(token, &queries::me())?;
            if response["data"]["me"]["id"].is_string() {
                return Err(format!("the token {token:?} is accepted: {response}").into());
            }
        }
        let response = self.connection.graphql(Some(&access), &queries::users())?;
        if response["data"]["users"]["nodes"].is_array() {
            return Err("a user may list accounts".into());
        }
        let wrong = queries::login_with(&username(0), "wrong horse battery staple");
        for (request, field) in [(wrong, "login"), (queries::refresh(&access), "refresh")] {
            let response = self.connection.graphql(None, &request)?;
            let payload = &response["data"][field];
            if payload["accessToken"].is_string() || payload["errors"].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("{field} is not refused: {response}").into());
            }
        }
        Ok(())
    }

    /// Checks the accounts of the responses, which all servers have.
    fn check_accounts(&mut self, sizes: &mut Sizes) -> Outcome {
        let me = self.exact(0, &queries::me())?;
        let response: Value = serde_json::from_slice(&me)?;
        let account = &response["data"]["me"];
        if account["username"] != username(0).as_str() || account["roles"] != json!(["user"]) {
            return Err(format!("not the account of the caller: {response}").into());
        }
        let user = self.connection.graphql(Some(&self.administrator), &queries::user(&username(0)))?;
        if user["data"]["user"] != *account {
            return Err(format!("not the same account: {user}").into());
        }
        let users = self.as_administrator(&queries::users())?;
        let response: Value = serde_json::from_slice(&users)?;
        let list = &response["data"]["users"];
        let names = list["nodes"].as_array().into_iter().flatten().map(|node| node["username"].clone());
        let newest = (0..25).map(|number| match number {
            0 => Value::from(ADMINISTRATOR),
            _ => Value::from(username(ACCOUNTS - number)),
        });
        let is_whole =
            list["nodes"][24]["createdAt"].is_string() && list["pageInfo"]["endCursor"].is_string();
        if !names.eq(newest) || list["pageInfo"]["hasNextPage"] != true || !is_whole {
            return Err(format!("not the newest accounts: {response}").into());
        }
        if sizes.me == 0 {
            *sizes = Sizes {
                token: self.tokens[0].0.len(),
                me: me.len(),
                user: user.to_string().len(),
                users: users.len(),
            };
        }
        Ok(())
    }

    fn scripts(&mut self, operation: Operation) -> Outcome<Scripts> {
        match operation {
            Operation::Me => {
                let exchanges = (0..CONNECTIONS).map(|number| {
                    let request = http::post("/graphql", Some(&self.tokens[number].0), &queries::me());
                    let expected = Expected::Exactly(self.exact(number, &queries::me())?);
                    Ok([Exchange { request, expected }].into())
                });
                let exchanges: Vec<Arc<[Exchange]>> = exchanges.collect::<Outcome<_>>()?;
                Ok(repeat(|number| Arc::clone(&exchanges[number])))
            }
            Operation::User => Ok(for_each_account(Some(&self.administrator), queries::user)),
            Operation::Login => Ok(for_each_account(None, queries::login)),
            Operation::Users => {
                let request = http::post("/graphql", Some(&self.administrator), &queries::users());
                let expected = Expected::Exactly(self.as_administrator(&queries::users())?);
                let exchanges: Arc<[Exchange]> = [Exchange { request, expected }].into();
                Ok(repeat(|_| Arc::clone(&exchanges)))
            }
            Operation::Refresh => {
                let of_connections = self.tokens.chunks(SESSIONS_PER_CONNECTION);
                let script = |tokens: &[(String, String)]| {
                    Box::new(Refresh::new(tokens.iter().map(|(_, refresh)| refresh.clone())))
                        as Box<dyn Script>
                };
                Ok(of_connections.map(script).collect())
            }
            Operation::Jwks => {
                let request = http::get("/.well-known/jwks.json");
                let (_, body) = self.connection.send(&request)?;
                let keys: Value = serde_json::from_slice(&body)?;
                if !keys["keys"][0]["x"].is_string() {
                    return Err(format!("no key set: {keys}").into());
                }
                let exchanges: Arc<[Exchange]> =
                    [Exchange { request, expected: Expected::Exactly(body) }].into();
                Ok(repeat(|_| Arc::clone(&exchanges)))
            }
        }
    }

    /// The body of the response to the account of this number.
    fn exact(&mut self, number: usize, body: &Value) -> Outcome<Vec<u8>> {
        Ok(self.connection.send(&http::post("/graphql", Some(&self.tokens[number].0), body))?.1)
    }

    fn as_administrator(&mut self, body: &Value) -> Outcome<Vec<u8>> {
        Ok(self.connection.send(&http::post("/graphql", Some(&self.administrator), body))?.1)
    }
}

/// Whether a server has an operation.
pub(crate) fn has(server: Server, operation: Operation) -> bool {
    server != Server::AxumBare || matches!(operation, Operation::Me | Operation::User | Operation::Users)
}
