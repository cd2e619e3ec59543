use std::convert::Infallible;

use futures_util::stream;
use serde_json::{Value, json};

use super::{Answer, Secrets};

/// The fields that a sign-in selects.
pub(crate) const AUTH: &str = "accessToken refreshToken expiresIn user { id username } session { id } \
    errors { code message field retryAfter }";

/// The fields that a mutation of an account selects.
pub(crate) const USER: &str = "user { id username displayName email emailVerified roles disabled } \
    errors { code message field retryAfter }";

/// The member of a request that names a document by its hash, or by its id in a manifest.
pub(crate) fn persisted(id: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": id } })
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    http: reqwest::Client,
    /// The access token that it sends.
    pub(crate) token: Option<String>,
    /// The refresh token that it keeps.
    pub(crate) refresh_token: Option<String>,
    /// The account that it signed in to.
    pub(crate) user_id: String,
    /// The session that it has.
    pub(crate) session_id: String,
    headers: Vec<(&'static str, String)>,
    secrets: Secrets,
}

impl Client {
    pub(super) fn new(url: String, secrets: Secrets) -> Self {
        Self {
            url,
            http: reqwest::Client::new(),
            token: None,
            refresh_token: None,
            user_id: String::new(),
            session_id: String::new(),
            headers: Vec::new(),
            secrets,
        }
    }

    /// The same client, which speaks HTTP/2 and nothing else.
    pub(crate) fn over_http2(mut self) -> Self {
        let http = reqwest::Client::builder().http2_prior_knowledge().build();
        self.http = http.expect("a client");
        self
    }

    /// The same client behind another address.
    pub(crate) fn behind(mut self, address: &str) -> Self {
        self.headers.push(("x-forwarded-for", address.to_owned()));
        self
    }

    /// The same client with a header more.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same client, which sends no headers of its own and comes from the test's own address.
    pub(crate) fn without_headers(mut self) -> Self {
        self.headers.clear();
        self
    }

    /// The same client with another access token.
    pub(crate) fn bearing(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same client at another server.
    pub(crate) fn at(mut self, url: String) -> Self {
        self.url = url;
        self
    }

    /// Its own `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.token.as_ref().expect("the client has signed in"))
    }

    /// Where its server listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        let address = self.url.trim_start_matches("http://").split('/').next();
        address.and_then(|address| address.parse().ok()).expect("an address and a port")
    }

    /// A POST to the GraphQL endpoint with this client's headers and no body yet.
    pub(crate) fn post(&self) -> reqwest::RequestBuilder {
        let mut request = self.http.post(&self.url);
        if let Some(token) = &self.token {
            self.secrets.add(token);
            request = request.bearer_auth(token);
        }
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    /// Sends an operation.
    pub(crate) async fn ask(&self, query: &str) -> Answer {
        self.ask_with(query, json!({})).await
    }

    /// Sends an operation with variables.
    pub(crate) async fn ask_with(&self, query: &str, variables: Value) -> Answer {
        self.send(&json!({ "query": query, "variables": variables })).await
    }

    /// Sends a request body.
    pub(crate) async fn send(&self, body: &Value) -> Answer {
        self.try_send(body).await.expect("the server answers")
    }

    /// Sends an operation in two pieces, so that the server has to buffer the first one.
    pub(crate) async fn ask_in_pieces(&self, query: &str) -> Answer {
        let body = json!({ "query": query }).to_string();
        let (first, second) = body.split_at(body.len() - 1);
        // A server that refuses the first piece may close the connection while the second one is sent. The response is
        // then lost, so the client asks again.
        for _ in 0..20 {
            let pieces = [first, second].map(|piece| Ok::<_, Infallible>(piece.to_owned()));
            let body = reqwest::Body::wrap_stream(stream::iter(pieces));
            let request = self.post().header("content-type", "application/json").body(body);
            if let Ok(response) = request.send().await {
                return Answer::read(response).await;
            }
        }
        panic!("the server does not answer");
    }

    /// Sends a request body; `None` when the server goes away before it has answered.
    pub(crate) async fn try_send(&self, body: &Value) -> Option<Answer> {
        self.secrets.add_named(body);
        let answer = Answer::try_read(self.post().json(body).send().await.ok()?).await?;
        self.secrets.add_received(&answer);
        Some(answer)
    }

    /// A GET of a path of the server.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let url = self.url.replace("/graphql", path);
        Answer::read(self.http.get(url).send().await.expect("the server answers")).await
    }

    /// Refreshes and keeps the new tokens, unless the server goes away before it has answered.
    pub(crate) async fn try_refresh(&mut self) -> Option<Answer> {
        let answer = self.try_mutate("refresh", json!({ "refreshToken": self.kept() }), AUTH).await?;
        Some(self.keep(answer))
    }

    /// Sends a body as it is, and says that it is JSON.
    pub(crate) async fn send_raw(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.post().header("content-type", "application/json").body(body);
        Answer::read(request.send().await.expect("the server answers")).await
    }

    /// Runs a mutation `name(input: Type!)` and asks for `selection`.
    pub(crate) async fn mutate(&self, name: &str, input: Value, selection: &str) -> Answer {
        self.try_mutate(name, input, selection).await.expect("the server answers")
    }

    /// Runs a mutation; `None` when the server goes away before it has answered.
    pub(crate) async fn try_mutate(&self, name: &str, input: Value, selection: &str) -> Option<Answer> {
        let ty = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!("mutation($input: {ty}!) {{ it: {name}(input: $input) {{ {selection} }} }}");
        self.try_send(&json!({ "query": query, "variables": { "input": input } })).await
    }

    /// Registers and keeps the tokens.
    pub(crate) async fn register(&mut self, username: &str, password: &str) -> Answer {
        let input = json!({ "username": username, "password": password });
        let answer = self.mutate("register", input, AUTH).await;
        self.keep(answer)
    }

    /// Logs in and keeps the tokens.
    pub(crate) async fn log_in(&mut self, username: &str, password: &str) -> Answer {
        let input = json!({ "username": username, "password": password });
        let answer = self.mutate("login", input, AUTH).await;
        self.keep(answer)
    }

    /// Refreshes with the token that it keeps, and keeps the new ones.
    pub(crate) async fn refresh(&mut self) -> Answer {
        let answer = self.refresh_with(&self.refresh_token.clone().unwrap_or_default()).await;
        self.keep(answer)
    }

    /// Refreshes with another token, and keeps nothing.
    pub(crate) async fn refresh_with(&self, token: &str) -> Answer {
        self.mutate("refresh", json!({ "refreshToken": token }), AUTH).await
    }

    /// Asks who it is.
    pub(crate) async fn me(&self) -> Answer {
        self.ask("{ me { id } }").await
    }

    /// The refresh token that it keeps.
    pub(crate) fn kept(&self) -> &str {
        self.refresh_token.as_deref().expect("the client has signed in")
    }

    /// Keeps the tokens of an answer.
    pub(crate) fn keep(&mut self, answer: Answer) -> Answer {
        let text = |path: &str| answer.at(path).as_str().map(ToOwned::to_owned);
        if let Some(token) = text("/it/accessToken") {
            self.token = Some(token);
            self.refresh_token = text("/it/refreshToken");
            self.user_id = text("/it/user/id").unwrap_or_default();
            self.session_id = text("/it/session/id").unwrap_or_default();
        }
        answer
    }
}
