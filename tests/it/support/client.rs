use std::convert::Infallible;

use futures_util::stream;
use portcullis::graphql::ErrorCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use strum::VariantArray;

use super::{Secrets, secrets::take_down};

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

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.expect("a body")
    }

    async fn try_read(response: reqwest::Response) -> Option<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Self::of(status, headers, body))
    }

    fn of(status: u16, headers: HeaderMap, body: Value) -> Self {
        let answer = Self { status, headers, body };
        take_down(&answer);
        answer
    }

    /// Reads an answer as it stands on the wire (RFC 9112 §2.1).
    pub(super) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.parse().ok()?, value.parse().ok()?))
        });
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        let status = status.unwrap_or_else(|| panic!("an answer was expected: {text:?}"));
        Self::of(status, headers.collect(), body)
    }

    /// A value of the data, by its JSON pointer.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.body.pointer(&format!("/data{path}")).unwrap_or(&Value::Null)
    }

    /// The codes of the user errors of the mutation.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let errors = self.at("/it/errors").as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["code"].as_str()).collect()
    }

    /// The extensions of the only top-level error.
    pub(crate) fn error(&self) -> &Value {
        match self.body["errors"].as_array().map(Vec::as_slice) {
            Some([error]) => &error["extensions"],
            _ => panic!("one error was expected: {}", self.body),
        }
    }

    /// The code of the only top-level error.
    pub(crate) fn code(&self) -> &str {
        self.error()["code"].as_str().unwrap_or_default()
    }

    /// Says that the mutation, or the query, did what was asked.
    #[track_caller]
    pub(crate) fn assert_done(&self) -> &Self {
        assert!(self.body.get("errors").is_none() && self.codes().is_empty(), "{}", self.body);
        assert!(self.body.get("data").is_some(), "{}", self.body);
        self
    }

    /// Says that the mutation told the user of this one error.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: &str) -> &Self {
        assert!(self.body.get("errors").is_none(), "{}", self.body);
        assert_eq!(self.codes(), [code], "{}", self.body);
        self
    }

    /// Says that a guard kept the caller out, and why.
    #[track_caller]
    pub(crate) fn assert_unauthenticated(&self, reason: &str) -> &Self {
        assert!(self.status < 500, "{self:?}");
        assert_eq!((self.code(), self.error()["reason"].as_str()), ("UNAUTHENTICATED", Some(reason)));
        self
    }

    /// The cookie that the answer sets: its name, its value, and its attributes.
    pub(crate) fn cookie(&self) -> Option<(&str, &str, Vec<&str>)> {
        let cookie = self.headers.get("set-cookie")?.to_str().expect("ASCII");
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next()?.split_once('=')?;
        Some((name, value, parts.collect()))
    }

    /// Says that there was this one top-level error.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: &str) -> &Self {
        assert_eq!(self.code(), code, "{}", self.body);
        self
    }

    /// A header, as text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Says that nothing was executed: the status, no data, and errors of this code in the shape that all
    /// errors have.
    #[track_caller]
    pub(crate) fn assert_not_executed(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.get("data").is_none(), "{}", self.body);
        assert!(ErrorCode::VARIANTS.iter().any(|known| <&str>::from(known) == code), "{code}");
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!errors.is_empty(), "{}", self.body);
        for error in errors {
            assert!(error["message"].as_str().is_some_and(|message| message.len() > 5), "{error}");
            assert_eq!(error["extensions"]["code"], code, "{error}");
            assert_eq!(error["extensions"]["requestId"], self.header("x-request-id"), "{error}");
        }
        self
    }
}

/// The names of an object's members, in alphabetical order.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().into_iter().flat_map(|object| object.keys()).collect();
    keys.sort_unstable();
    keys.into_iter().map(String::as_str).collect()
}
