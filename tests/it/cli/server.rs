//! A server that runs as a separate process of the real binary.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::place::{PASSWORD, Place};
use crate::support::{PATIENCE, Secrets};

/// A server at work. It is killed when the test ends.
pub(crate) struct Server {
    pub(crate) child: Child,
    lines: Receiver<String>,
    /// The lines that it has logged so far.
    pub(crate) log: Vec<String>,
    pub(crate) url: String,
    /// The secrets that its log must not contain.
    secrets: Secrets,
}

impl Server {
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut server = Self::spawn(place, arguments);
        let banner = server.says("GraphQL at ");
        let url = banner.split("GraphQL at ").nth(1).and_then(|rest| rest.split([',', ';']).next());
        url.expect("a URL").clone_into(&mut server.url);
        server
    }

    /// A server that may not become ready.
    pub(crate) fn spawn(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.command(arguments).spawn().expect("the binary runs");
        let stderr = BufReader::new(child.stderr.take().expect("is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let secrets = place.secrets(PASSWORD);
        Self { child, lines, log: Vec::new(), url: String::new(), secrets }
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub(crate) fn says(&mut self, part: &str) -> String {
        let said = self.listen(|line| line.contains(part));
        said.unwrap_or_else(|error| panic!("the server did not say {part:?} ({error}), but {:#?}", self.log))
    }

    /// Reads the log up to a line.
    pub(crate) fn listen(&mut self, is_last: impl Fn(&str) -> bool) -> Result<String, RecvTimeoutError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))?;
            self.log.push(line.clone());
            if is_last(&line) {
                return Ok(line);
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    }

    /// Waits until it has ended.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let end = self.listen(|_| false);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected), "the server did not stop: {:#?}", self.log);
        self.child.wait().expect("is our child").code()
    }

    /// Asks a GraphQL question.
    pub(crate) fn ask(&self, query: &str, variables: &Value, token: Option<&str>) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let body = json!({ "query": query, "variables": variables });
            let mut request = reqwest::Client::new().post(&self.url).json(&body);
            if let Some(token) = token {
                self.secrets.add(token);
                request = request.bearer_auth(token);
            }
            request.send().await.expect("an answer").json().await.expect("JSON")
        })
    }

    pub(crate) fn login(&self, username: &str) -> String {
        let query = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
        let input = json!({ "input": { "username": username, "password": PASSWORD.trim() } });
        let answer = self.ask(query, &input, None);
        answer["data"]["login"]["accessToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            self.log.extend(self.lines.iter());
            self.secrets.assert_kept(self.log.join("\n").as_bytes());
        }
    }
}

/// The feed is read once a second.
pub(crate) fn is_refused_soon(ask: impl Fn() -> Value) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if ask()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED" {
            return;
        }
    }
    panic!("the server did not hear of it: {}", ask());
}
