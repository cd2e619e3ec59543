use std::net::{Ipv4Addr, SocketAddr};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{
        Request,
        header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    },
};
use portcullis::{app::App, clock::Clock, config::Config, router::router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// The maximum size of a response, bytes.
const MAX_BYTES: usize = 64 * 1024;

/// A server on an embedded database, without a network, and a caller who is signed in.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) access_token: String,
    router: Router,
    runtime: Runtime,
    _folder: TempDir,
}

impl Server {
    /// Opens a server and registers an account. Its hashes have the cheapest cost.
    ///
    /// # Panics
    /// If that fails, because nothing can be measured then.
    pub(crate) fn open() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be created");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be created");
        let mut config = Config::default();
        config.data_dir = folder.path().into();
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        let app = runtime.block_on(App::open(config, Clock::system())).expect("the server opens");
        let router = runtime.block_on(async { router(&app, app.schema()) });
        let server = Self { app, access_token: String::new(), router, runtime, _folder: folder };
        let registration = json!({ "query": "mutation { register(input: \
            { username: \"ada\", password: \"correct horse battery\" }) { accessToken } }" });
        let response = server.execute(&registration);
        let token = response["data"]["register"]["accessToken"].as_str().expect("the account is registered");
        Self { access_token: token.to_owned(), ..server }
    }

    /// Executes a request, as that of the caller if there is one.
    pub(crate) fn execute(&self, body: &Value) -> Value {
        let mut request = Request::post("/graphql")
            .header(HOST, "127.0.0.1")
            .header(CONTENT_TYPE, "application/json")
            .extension(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))));
        if !self.access_token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.access_token));
        }
        let request = request.body(Body::from(body.to_string())).expect("the request is valid");
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("a router does not fail");
            let body = to_bytes(response.into_body(), MAX_BYTES).await.expect("the body is in memory");
            serde_json::from_slice(&body).expect("the response is JSON")
        })
    }
}
