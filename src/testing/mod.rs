//! A server for the tests of an application (feature `testing`).
//!
//! Each [`TestServer`] has a database of its own, a free port, and a clock that the test moves. It hashes passwords
//! quickly and limits no attempts; everything else is as in production. It panics where a test would, with the reason.
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis::{Portcullis, testing::TestServer};
//! use serde_json::json;
//!
//! # #[tokio::main]
//! # async fn main() {
//! let server = TestServer::start(Portcullis::builder()).await;
//! let ada = server.sign_in("ada", &[]).await;
//! let response = server.graphql(Some(&ada), "{ me { username } }", json!({})).await;
//! assert_eq!(response["data"]["me"]["username"], "ada");
//!
//! server.advance(Duration::from_hours(2));
//! let response = server.graphql(Some(&ada), "{ me { username } }", json!({})).await;
//! assert_eq!(response["errors"][0]["extensions"]["reason"], "TOKEN_EXPIRED");
//! server.stop().await;
//! # }
//! ```

mod database;
mod http;

use std::{fmt, net::SocketAddr, time::Duration};

use async_graphql::{ObjectType, SubscriptionType};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::database::TestDatabase;
use crate::{
    accounts::Username,
    admin::NewUser,
    audit::Actor,
    clock::Clock,
    config::Config,
    id::UserId,
    server::{Builder, Error, Portcullis, SchemaData},
};

/// The password of all users of a test.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running server.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Portcullis, config::RoleConfig, testing::TestServer};
/// use serde_json::json;
///
/// let builder = Portcullis::builder().configure(|config| {
///     config.roles.insert("editor".to_owned(), RoleConfig::new(["posts:write"]));
/// });
/// let server = TestServer::start(builder).await;
/// let ada = server.sign_in("ada", &["editor"]).await;
/// let query = "query ($id: ID!) { node(id: $id) { ... on User { roles } } }";
/// let response = server.graphql(Some(&ada), query, json!({ "id": ada.id })).await;
/// assert_eq!(response["data"]["node"]["roles"], json!(["editor", "user"]));
/// let health = reqwest::get(server.url("/readyz")).await?;
/// assert_eq!(health.status(), 200);
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct TestServer {
    portcullis: Portcullis,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), Error>>,
    database: TestDatabase,
}

/// A user who has signed in.
#[derive(Clone)]
#[non_exhaustive]
pub struct TestUser {
    /// The account.
    pub id: UserId,
    /// The username.
    pub username: String,
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl TestServer {
    /// Starts a server on an embedded database in a temporary folder. The changes of [`Builder::configure`] apply; the
    /// file, the environment and [`Builder::config`] do not.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn start<Q, M, S, D>(builder: Builder<Q, M, S, D>) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        Box::pin(Self::run(builder, TestDatabase::sqlite())).await
    }

    /// Starts a server as [`TestServer::start`] does, in a schema of its own on a PostgreSQL server.
    /// [`TestServer::stop`] drops the schema.
    ///
    /// # Panics
    /// If the URL names no PostgreSQL server, its role must not create schemas, or the server does not start.
    pub async fn start_on_postgres<Q, M, S, D>(builder: Builder<Q, M, S, D>, url: &str) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        Box::pin(Self::run(builder, TestDatabase::postgres(url).await)).await
    }

    async fn run<Q, M, S, D>(builder: Builder<Q, M, S, D>, database: TestDatabase) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("the listener is bound");
        let mut config = Config { data_dir: database.folder(), ..Config::default() };
        config.database.url = Some(database.url());
        config.database.max_connections = 4;
        config.http.listen = address;
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        config.limits.enabled = false;
        let opened = builder.config(config).clock(Clock::system()).open().await;
        let portcullis = opened.unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let stop = CancellationToken::new();
        let serving = portcullis
            .serve_router(portcullis.router())
            .with_listener(listener)
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        #[expect(clippy::disallowed_methods, reason = "the server itself waits for the tasks of its tracker")]
        let serving = tokio::spawn(serving.into_future());
        Self { portcullis, address, stop, serving, database }
    }

    /// The server's handle.
    #[must_use]
    pub fn portcullis(&self) -> &Portcullis {
        &self.portcullis
    }

    /// The URL of a path of the server, such as `/graphql`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Moves the clock of the server ahead.
    pub fn advance(&self, by: Duration) {
        self.portcullis.clock().advance(by);
    }

    /// Creates an account with these roles beside the default ones, and signs in.
    ///
    /// # Panics
    /// If the username is invalid or taken, or a role is not configured.
    pub async fn sign_in(&self, username: &str, roles: &[&str]) -> TestUser {
        let defaults = self.portcullis.config().accounts.default_roles.iter().cloned();
        let new = NewUser {
            username: Username::parse(username).unwrap_or_else(|error| panic!("{username}: {error}")),
            password: SecretString::from(PASSWORD),
            email: None,
            display_name: None,
            roles: defaults.chain(roles.iter().map(ToString::to_string)).collect(),
        };
        let created = self.portcullis.app().admin.create_user(new, Actor::Server).await;
        let account = created.unwrap_or_else(|error| panic!("cannot create {username}: {error}"));
        let variables = json!({ "username": username, "password": PASSWORD });
        let response = self.graphql(None, LOGIN, variables).await;
        let payload = &response["data"]["login"];
        let text = |name: &str| match &payload[name] {
            Value::String(text) => text.clone(),
            _ => panic!("{username} cannot sign in: {response}"),
        };
        TestUser {
            id: account.id,
            username: username.to_owned(),
            access_token: text("accessToken"),
            refresh_token: text("refreshToken"),
        }
    }

    /// Sends an operation by HTTP, with the access token of a user, and returns the response.
    ///
    /// # Panics
    /// If the response is not JSON.
    pub async fn graphql(&self, user: Option<&TestUser>, query: &str, variables: Value) -> Value {
        let token = user.map(|user| user.access_token.as_str());
        let path = format!("{}/graphql", self.portcullis.config().http.base_path());
        http::post(self.address, &path, token, &json!({ "query": query, "variables": variables })).await
    }

    /// Stops the server as a signal would.
    ///
    /// # Panics
    /// If the server has panicked.
    pub async fn stop(self) {
        self.stop.cancel();
        let served = self.serving.await.expect("the server does not panic");
        served.unwrap_or_else(|error| panic!("the server has failed: {error}"));
        self.database.drop_schema().await;
    }
}

const LOGIN: &str = "mutation ($username: String!, $password: String!) {
  login(input: { username: $username, password: $password }) { accessToken refreshToken errors { message } }
}";

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for TestUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestUser").field("username", &self.username).finish_non_exhaustive()
    }
}
