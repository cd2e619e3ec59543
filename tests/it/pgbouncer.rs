//! `PgBouncer` between a server and PostgreSQL.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use portcullis::config::Config;
use reqwest::Url;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::support::{PASSWORD, PATIENCE, TestApp, eventually, free_address, postgres};

/// A `PgBouncer` of the test's own, which refuses the start-up parameters that it refuses by default.
struct Bouncer {
    child: Child,
    port: u16,
    #[expect(dead_code, reason = "it goes with the test")]
    folder: TempDir,
}

impl Bouncer {
    /// Starts `PgBouncer`; `None` where the tests run on SQLite.
    fn start(pool_mode: &str) -> Option<Self> {
        let server = Url::parse(&postgres()?).expect("a URL");
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_address().port());
        let host = server.host_str().expect("a host");
        let user = Some(server.username()).filter(|user| !user.is_empty()).unwrap_or("postgres");
        let password = server.password().map(|password| format!(" password={password}")).unwrap_or_default();
        let file = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={} user={user}{password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {pool_mode}\ndefault_pool_size = 30\n",
            server.port().unwrap_or(5432),
        );
        fs::write(&file, text).expect("the folder is ours");
        let mut command = Command::new("pgbouncer");
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        // It does not run as root.
        let id = Command::new("id").arg("-u").output().expect("there is an id");
        if id.stdout == b"0\n" {
            command.args(["-u", "nobody"]);
        }
        let child = command.spawn().expect("pgbouncer is installed (Debian: apt-get install pgbouncer)");
        let bouncer = Self { child, port, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "PgBouncer does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(bouncer)
    }

    /// Leads a server to its database through this.
    fn lead(&self, config: &mut Config) {
        let url = config.database.url.take().expect("the test's database");
        let mut url = Url::parse(url.expose_secret()).expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        config.database.url = Some(url.to_string().into());
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_works_behind_pgbouncer_in_session_mode() {
    let Some(bouncer) = Bouncer::start("session") else { return };
    let app = TestApp::with(|config| bouncer.lead(config)).await;
    for name in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        let sql = Statement::from_string(DbBackend::Postgres, format!("SHOW {name}"));
        let row = app.app.database.reader().query_one_raw(sql).await.expect("an answer").expect("a row");
        assert_eq!(row.try_get::<String>("", name).expect("text"), "10s");
    }
    let other = app.replica().await;
    let ada = app.signed_in("ada").await;
    let there = ada.clone().at(other.url("/graphql"));
    there.me().await.assert_done();
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    eventually(async || there.me().await.body.get("errors").is_some()).await;
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_with_the_reason() {
    for mode in ["transaction", "statement"] {
        let Some(bouncer) = Bouncer::start(mode) else { return };
        let refused = TestApp::refused(|config| bouncer.lead(config)).await;
        for part in ["pooler in transaction mode", "pool_mode=session"] {
            assert!(refused.contains(part), "{mode}: {refused}");
        }
    }
}
