//! The requests of the clients, and the check of the responses.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

use crate::{Outcome, http, queries};

/// The requests of one client.
pub(crate) trait Script: Send {
    /// Appends the next request.
    fn write_request(&mut self, out: &mut Vec<u8>);

    /// Whether this is the body of a right response to the last request.
    fn accept(&mut self, body: &[u8]) -> bool;
}

/// A request, and what its response must have.
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

/// The body of a right response.
pub(crate) enum Expected {
    Exactly(Vec<u8>),
    /// A body of this size, bytes.
    Size(usize),
    /// A JSON body that contains this text, and no `errors` with items.
    Contains(String),
}

/// Sends the same requests again and again.
pub(crate) struct Repeat {
    exchanges: Arc<[Exchange]>,
    next: usize,
    last: usize,
}

impl Repeat {
    /// Starts with the exchange of this number.
    pub(crate) fn new(exchanges: Arc<[Exchange]>, start: usize) -> Self {
        let next = start % exchanges.len();
        Self { exchanges, next, last: next }
    }
}

impl Script for Repeat {
    fn write_request(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.exchanges[self.next].request);
        self.last = self.next;
        self.next = (self.next + 1) % self.exchanges.len();
    }

    fn accept(&mut self, body: &[u8]) -> bool {
        match &self.exchanges[self.last].expected {
            Expected::Exactly(expected) => body == expected,
            Expected::Size(size) => body.len() == *size,
            Expected::Contains(text) => contains(body, text) && !contains(body, r#""code""#),
        }
    }
}

/// Refreshes sessions in turn, each with the token of its last refresh.
pub(crate) struct Refresh {
    /// The current refresh tokens. The first one is the next to be used.
    tokens: VecDeque<String>,
}

impl Refresh {
    pub(crate) fn new(tokens: impl IntoIterator<Item = String>) -> Self {
        Self { tokens: tokens.into_iter().collect() }
    }
}

impl Script for Refresh {
    fn write_request(&mut self, out: &mut Vec<u8>) {
        let token = self.tokens.front().map_or("", String::as_str);
        out.extend_from_slice(&http::post("/graphql", None, &queries::refresh(token)));
    }

    fn accept(&mut self, body: &[u8]) -> bool {
        let Some(token) = text_field(body, "refreshToken") else { return false };
        if !contains(body, r#""accessToken":"ey"#) || self.tokens.front() == Some(&token) {
            return false;
        }
        self.tokens.pop_front();
        self.tokens.push_back(token);
        true
    }
}

/// The tokens in the payload of `login`.
///
/// # Errors
/// If there are none.
pub(crate) fn tokens(response: &Value) -> Outcome<(String, String)> {
    let payload = &response["data"]["login"];
    match (payload["accessToken"].as_str(), payload["refreshToken"].as_str()) {
        (Some(access), Some(refresh)) => Ok((access.to_owned(), refresh.to_owned())),
        _ => Err(format!("no tokens: {response}").into()),
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    position(body, text).is_some()
}

fn position(body: &[u8], text: &str) -> Option<usize> {
    body.windows(text.len()).position(|window| window == text.as_bytes())
}

/// The value of a field of a compact JSON object, if it is text without escapes.
fn text_field(body: &[u8], name: &str) -> Option<String> {
    let key = format!(r#""{name}":""#);
    let value = &body[position(body, &key)? + key.len()..];
    let end = value.iter().position(|&byte| byte == b'"')?;
    String::from_utf8(value[..end].to_vec()).ok()
}
