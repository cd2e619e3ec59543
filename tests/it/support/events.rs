use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Answer, Client, PATIENCE};

/// A stream of server-sent events.
pub(crate) struct Events {
    response: reqwest::Response,
    pub(crate) request_id: String,
    read: String,
}

/// A part of a stream, as the server wrote it.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// An answer, and the id of the event that it tells of.
    Next { answer: Value, id: Option<String> },
    /// There is no more.
    Complete,
    /// A comment.
    Heartbeat,
}

impl Client {
    /// Follows a subscription; gives the answer where the server refuses.
    pub(crate) async fn try_follow(&self, query: &str) -> Result<Events, Answer> {
        let request = self.post().header("accept", "text/event-stream").json(&json!({ "query": query }));
        Events::of(request).await
    }

    /// Follows a subscription.
    pub(crate) async fn follow(&self, query: &str) -> Events {
        self.try_follow(query).await.expect("a stream of events")
    }
}

impl Events {
    /// Sends a request and reads the response as an event stream.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Result<Self, Answer> {
        let response = request.send().await.expect("the server answers");
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        if !header("content-type").starts_with("text/event-stream") {
            return Err(Answer::read(response).await);
        }
        assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store".into(), "no".into()));
        Ok(Self { request_id: header("x-request-id"), response, read: String::new() })
    }

    /// The next part; nothing when the stream ends.
    pub(crate) async fn part(&mut self) -> Option<Part> {
        loop {
            if let Some((part, rest)) = self.read.split_once("\n\n") {
                let (part, behind) = (read(part), self.read.len() - rest.len());
                self.read.drain(..behind);
                return Some(part);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("the server says something");
            self.read += std::str::from_utf8(&chunk.ok()??).expect("UTF-8");
        }
    }

    /// The next part that says something.
    pub(crate) async fn word(&mut self) -> Option<Part> {
        loop {
            match self.part().await {
                Some(Part::Heartbeat) => {}
                word => return word,
            }
        }
    }

    /// The next answer.
    pub(crate) async fn next(&mut self) -> Value {
        match self.word().await {
            Some(Part::Next { answer, .. }) => answer,
            other => panic!("an answer was expected: {other:?}"),
        }
    }
}

fn read(part: &str) -> Part {
    let field = |name: &str| part.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    match field("event") {
        Some("next") => {
            let answer = serde_json::from_str(field("data").expect("data")).expect("JSON");
            Part::Next { answer, id: field("id").map(ToOwned::to_owned) }
        }
        None if part == ":" => Part::Heartbeat,
        _ if part.starts_with("event: complete\ndata:") => Part::Complete,
        _ => panic!("what is this? {part:?}"),
    }
}
