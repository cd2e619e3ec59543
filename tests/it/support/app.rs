use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use async_graphql::{ObjectType, SubscriptionType};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use portcullis::{
    Builder,
    accounts::Username,
    admin::NewUser,
    app::App,
    audit::Actor,
    clock::Clock,
    config::Config,
    router::router,
    secret::{MasterSecret, Sealer},
    serve::serve,
    server::SchemaData,
};
use sea_orm::{ConnectionTrait, Statement};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Answer, Client, PASSWORD, Secrets, TestDatabase, base64url, database::password_of, hex, spawn_all,
};

/// A running server.
pub(crate) struct TestApp {
    /// The server's parts, for actions that no client can perform.
    pub(crate) app: Box<App>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    database: TestDatabase,
    /// The secrets that no output of the server may contain.
    pub(crate) secrets: Secrets,
}

impl TestApp {
    /// A server with the default configuration, except for fast hashing and a disabled throttle.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// A server with a configuration of the test's own.
    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let config = Self::config(&database, configure);
        Self::run(config, Clock::steady(), database, Secrets::watch()).await
    }

    /// A server whose clock is ahead, on an empty database.
    pub(crate) async fn ahead(by: Duration) -> Self {
        let (database, clock) = (TestDatabase::create().await, Clock::steady());
        clock.advance(by);
        let config = Self::config(&database, |_| ());
        Self::run(config, clock, database, Secrets::watch()).await
    }

    /// Two servers that start at the same time on an empty database.
    pub(crate) async fn two() -> [Self; 2] {
        let database = TestDatabase::create().await;
        let (clock, secrets) = (Clock::steady(), Secrets::watch());
        let config = |_| Self::config(&database, |_| ());
        let start = |config| Self::run(config, clock.clone(), database.clone(), secrets.clone());
        spawn_all((0..2).map(config).map(start)).await.try_into().ok().expect("two servers")
    }

    /// The error with which a server with this configuration fails to start.
    pub(crate) async fn refused(configure: impl FnOnce(&mut Config)) -> String {
        let database = TestDatabase::create().await;
        let opened = Box::pin(App::open(Self::config(&database, configure), Clock::steady())).await;
        opened.err().expect("the server does not start").to_string()
    }

    fn config(database: &TestDatabase, configure: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        config.data_dir = database.folder();
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
        Self::run(config, self.clock(), self.database.clone(), self.secrets.clone()).await
    }

    /// A second server on the same database, whose clock is ahead.
    pub(crate) async fn replica_ahead(&self, by: Duration) -> Self {
        let clock = Clock::steady();
        clock.advance(by);
        let config = Config::clone(&self.app.config);
        Self::run(config, clock, self.database.clone(), self.secrets.clone()).await
    }

    async fn run(config: Config, clock: Clock, database: TestDatabase, secrets: Secrets) -> Self {
        let listener = TcpListener::bind(config.http.listen).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = Box::new(Box::pin(App::open(config, clock)).await.expect("the server starts"));
        add_secrets(&secrets, &app).await;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (served, stopped) = (app.clone(), stop.clone());
        tasks.spawn(async move { serve(&served, router(&served, served.schema()), listener, stopped).await });
        Self { app, address, stop, tasks, database, secrets }
    }

    /// A server with the parts of an application.
    pub(crate) async fn of<Q, M, S, D>(builder: Builder<Q, M, S, D>) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        Box::pin(Self::of_with(builder, |_| ())).await
    }

    /// A server with the parts of an application, and a configuration of the test's own.
    pub(crate) async fn of_with<Q, M, S, D>(
        builder: Builder<Q, M, S, D>,
        configure: impl FnOnce(&mut Config),
    ) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
        D: SchemaData,
    {
        let database = TestDatabase::create().await;
        let config = Self::config(&database, configure);
        let listener = TcpListener::bind(config.http.listen).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let opened = Box::pin(builder.config(config).open()).await;
        let portcullis = opened.expect("the server starts");
        let (app, secrets) = (Box::new(portcullis.app().clone()), Secrets::watch());
        add_secrets(&secrets, &app).await;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let serving = portcullis.serve_router(portcullis.router()).with_listener(listener);
        let serving = serving.with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { serving.await.expect("the server ends in order") });
        Self { app, address, stop, tasks, database, secrets }
    }

    /// Serves another router beside this server's, and returns a client of it.
    pub(crate) async fn also_serve(&self, router: axum::Router) -> Client {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (served, stopped) = (self.app.clone(), self.stop.clone());
        self.tasks.spawn(async move { serve(&served, router, listener, stopped).await });
        Client::new(format!("http://{address}/graphql"), self.secrets.clone())
    }

    /// The server's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.app.clock.clone()
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, time: Duration) {
        self.app.clock.advance(time);
    }

    /// The address on which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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

    /// Sends bytes as they are, which must end the connection, and reads what comes back.
    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut connection = TcpStream::connect(self.address).await.expect("a connection");
        // The server may respond and close the connection before it has read the whole request.
        connection.write_all(request).await.ok();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.ok();
        Answer::parse(&String::from_utf8_lossy(&answer))
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.url("/graphql"), self.secrets.clone())
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
        self.app.admin.create_user(new, Actor::Server).await.expect("the account is made");
        let mut client = self.anonymous();
        client.log_in(username, PASSWORD).await.assert_done();
        client
    }

    /// Marks the e-mail address of an account as verified, because the API cannot do that yet.
    pub(crate) async fn verify_email(&self, username: &str) {
        let sql = format!("UPDATE users SET email_verified = TRUE WHERE username = '{username}'");
        self.app.database.writer().execute_unprepared(&sql).await.expect("the row is there");
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        if !std::thread::panicking() {
            self.secrets.assert_kept(b"");
        }
    }
}

/// Adds the server's own secrets: its master secret, its private keys, and the password of its database.
async fn add_secrets(secrets: &Secrets, app: &App) {
    let read = |path: PathBuf| fs::read_to_string(path).expect("the secret is in a file").into();
    let of_folder = || read(app.config.data_dir.join("secret"));
    let of_file = app.config.secret_file.clone().map(read);
    let master = app.config.secret.clone().or(of_file).unwrap_or_else(of_folder);
    secrets.add(master.expose_secret());
    let url = app.config.database.url.as_ref().map(ExposeSecret::expose_secret);
    secrets.add(&password_of(url.unwrap_or_default()));
    let sealer = Sealer::new(&MasterSecret::new(&master).expect("it has served"), "signing keys v1");
    let (db, sql) = (app.database.reader(), "SELECT kid, sealed_private_key FROM signing_keys");
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows") {
        let kid: String = row.try_get("", "kid").expect("text");
        let sealed: Vec<u8> = row.try_get("", "sealed_private_key").expect("bytes");
        // A key that is sealed under another master secret is a secret of another server.
        if let Ok(key) = sealer.open(&sealed, &kid) {
            // The PKCS#8 form of an Ed25519 key ends with the key itself (RFC 8410 §7).
            for bytes in [key.as_slice(), &key[key.len().saturating_sub(32)..]] {
                let forms = [hex(bytes), base64url(bytes), BASE64_STANDARD_NO_PAD.encode(bytes)];
                for form in &forms {
                    secrets.add(form);
                }
            }
        }
    }
}
