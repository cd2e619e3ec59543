//! The test app: a server of its own for each test, on a database of its own, whose clock moves when the
//! test says so.

mod client;
mod cluster;
mod database;
mod dice;
mod process;
mod proxy;
mod token;

use std::{net::SocketAddr, time::Duration};

use portcullis::{
    accounts::Username, admin::NewUser, app::App, audit::Actor, clock::Clock, config::Config, router::router,
    serve::serve,
};
use sea_orm::ConnectionTrait;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::{
    client::{AUTH, Answer, Client, USER},
    cluster::Cluster,
    database::{TestDatabase, postgres, variable},
    dice::Dice,
    process::{LOAD, Process, QUICK},
    proxy::Proxy,
    token::{Forge, base64url, decode, unsigned, write_pem},
};

/// A password that meets the policy, and another one.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const OTHER_PASSWORD: &str = "quiet violet lantern orbit";

/// A running server.
pub(crate) struct TestApp {
    /// What it consists of, for what no client can do.
    pub(crate) app: App,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    database: TestDatabase,
}

impl TestApp {
    /// A server with the defaults, but for quick hashing and no throttle.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A server with a configuration of the test's own.
    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let config = Self::config(&database, configure);
        Self::run(config, Clock::system(), database).await
    }

    /// Two servers that start at the same time on an empty database.
    pub(crate) async fn two() -> [Self; 2] {
        let database = TestDatabase::create().await;
        let clock = Clock::system();
        let start = |_| Self::run(Self::config(&database, |_| ()), clock.clone(), database.clone());
        at_once((0..2).map(start)).await.try_into().ok().expect("two servers")
    }

    /// Why a server with this configuration does not start.
    pub(crate) async fn refused(configure: impl FnOnce(&mut Config)) -> String {
        let database = TestDatabase::create().await;
        let opened = Box::pin(App::open(Self::config(&database, configure), Clock::system())).await;
        opened.err().expect("the server does not start").to_string()
    }

    fn config(database: &TestDatabase, configure: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config { data_dir: database.folder(), ..Config::default() };
        config.database.url = Some(database.url());
        config.database.max_connections = 8;
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.http.public_url = Some("https://id.example.com".to_owned());
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        config.limits.enabled = false;
        configure(&mut config);
        config.check().expect("the test's configuration is possible");
        config
    }

    /// A second server on the same database, with the same clock.
    pub(crate) async fn replica(&self) -> Self {
        self.replica_with(|_| ()).await
    }

    /// A second server on the same database with a configuration of its own.
    pub(crate) async fn replica_with(&self, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::clone(&self.app.config);
        configure(&mut config);
        Self::run(config, self.clock(), self.database.clone()).await
    }

    /// A second server on the same database, whose clock is ahead.
    pub(crate) async fn replica_ahead(&self, by: Duration) -> Self {
        let clock = Clock::system();
        clock.advance(by);
        Self::run(Config::clone(&self.app.config), clock, self.database.clone()).await
    }

    async fn run(config: Config, clock: Clock, database: TestDatabase) -> Self {
        let listener = TcpListener::bind(config.http.listen).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = Box::pin(App::open(config, clock)).await.expect("the server starts");
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (served, stopped) = (app.clone(), stop.clone());
        tasks.spawn(async move { serve(&served, router(&served, served.schema()), listener, stopped).await });
        Self { app, address, stop, tasks, database }
    }

    /// Serves another router beside this server's; gives a client of it.
    pub(crate) async fn also_serve(&self, router: axum::Router) -> Client {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (served, stopped) = (self.app.clone(), self.stop.clone());
        self.tasks.spawn(async move { serve(&served, router, listener, stopped).await });
        Client::new(format!("http://{address}/graphql"))
    }

    /// The server's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.app.clock.clone()
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: Duration) {
        self.app.clock.advance(time);
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request that is not GraphQL by POST.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let method = method.parse().expect("a method");
        let request = reqwest::Client::new().request(method, self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::read(request.send().await.expect("the server answers")).await
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.url("/graphql"))
    }

    /// A new account, signed in.
    pub(crate) async fn signed_in(&self, username: &str) -> Client {
        let mut client = self.anonymous();
        client.register(username, PASSWORD).await.assert_done();
        client
    }

    /// A new administrator, signed in.
    pub(crate) async fn admin(&self) -> Client {
        self.with_roles("root", &["admin"]).await
    }

    /// A new account that holds these roles, signed in.
    pub(crate) async fn with_roles(&self, username: &str, roles: &[&str]) -> Client {
        let new = NewUser {
            username: Username::parse(username).expect("a username"),
            password: PASSWORD.into(),
            email: None,
            display_name: None,
            roles: roles.iter().map(ToString::to_string).collect(),
        };
        self.app.admin.create_user(new, Actor::COMMAND_LINE).await.expect("the account is made");
        let mut client = self.anonymous();
        client.log_in(username, PASSWORD).await.assert_done();
        client
    }

    /// Makes the e-mail address of an account verified, for which there is no way yet.
    pub(crate) async fn verify_email(&self, username: &str) {
        let sql = format!("UPDATE users SET email_verified = TRUE WHERE username = '{username}'");
        self.app.database.writer().execute_unprepared(&sql).await.expect("the row is there");
    }

    /// Stops the server and waits until it has ended.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Runs all of them at once. What they give comes in no order.
pub(crate) async fn at_once<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    futures.into_iter().collect::<JoinSet<T>>().join_all().await
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
