use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Outcome, seed::PASSWORD, server::Server};

/// Somebody who sends requests over connections that are kept.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    access: String,
    refresh: String,
}

/// What tokens come in.
const AUTH: &str = "accessToken refreshToken errors { code }";

const ME: &str = "{ it: me { id username roles } }";

impl Client {
    pub(crate) fn new(url: String) -> Self {
        Self { http: reqwest::Client::new(), url, access: String::new(), refresh: String::new() }
    }

    /// Asks, and says how long the answer took. Whatever is not data without errors is an error.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Outcome<(Value, Duration)> {
        let mut request = self.http.post(&self.url).json(&json!({ "query": query, "variables": variables }));
        if !self.access.is_empty() {
            request = request.bearer_auth(&self.access);
        }
        let began = Instant::now();
        let mut answer: Value = request.send().await?.json().await?;
        let took = began.elapsed();
        let data = answer["data"].take();
        let has_errors =
            !answer["errors"].is_null() || data["it"]["errors"].as_array().is_some_and(|e| !e.is_empty());
        if has_errors || data["it"].is_null() {
            return Err(format!("{query}: {data} {}", answer["errors"]).into());
        }
        Ok((data, took))
    }

    /// The same client at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self { url: server.url("/graphql"), ..self.clone() }
    }

    /// Whether the access token is refused because it was revoked. Any other refusal is an error.
    pub(crate) async fn is_revoked(&self) -> Outcome<bool> {
        let request = self.http.post(&self.url).json(&json!({ "query": ME }));
        let answer: Value = request.bearer_auth(&self.access).send().await?.json().await?;
        match answer["errors"][0]["extensions"]["reason"].as_str() {
            Some("TOKEN_REVOKED") => Ok(true),
            _ if answer["data"]["it"]["id"].is_string() => Ok(false),
            _ => Err(answer.to_string().into()),
        }
    }

    /// Asks who it is.
    pub(crate) async fn me(&self) -> Outcome<Duration> {
        Ok(self.ask(ME, json!({})).await?.1)
    }

    /// Signs out.
    pub(crate) async fn log_out(&self) -> Outcome {
        self.ask("mutation { it: logout { errors { code } } }", json!({})).await.map(|_| ())
    }

    /// The access token.
    pub(crate) fn access_token(&self) -> &str {
        &self.access
    }

    /// Signs in and keeps the tokens.
    pub(crate) async fn log_in(&mut self, username: &str) -> Outcome<Duration> {
        let query = format!(
            "mutation($name: String!, $password: String!) {{ \
             it: login(input: {{ username: $name, password: $password }}) {{ {AUTH} }} }}"
        );
        self.access.clear();
        let answer = self.ask(&query, json!({ "name": username, "password": PASSWORD })).await?;
        self.keep(answer)
    }

    /// Refreshes and keeps the tokens.
    pub(crate) async fn refresh(&mut self) -> Outcome<Duration> {
        let query = format!(
            "mutation($token: String!) {{ it: refresh(input: {{ refreshToken: $token }}) {{ {AUTH} }} }}"
        );
        let answer = self.ask(&query, json!({ "token": self.refresh })).await?;
        self.keep(answer)
    }

    fn keep(&mut self, (data, took): (Value, Duration)) -> Outcome<Duration> {
        let token = |name: &str| data["it"][name].as_str().map(ToOwned::to_owned).ok_or("no token came");
        (self.access, self.refresh) = (token("accessToken")?, token("refreshToken")?);
        Ok(took)
    }
}
