use std::{
    collections::HashSet,
    fmt::Write as _,
    io, panic,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
};

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use super::{Answer, hex};

/// The minimum length of a secret. Shorter ones, and plain words such as "password", occur in a log by chance.
const MIN_SECRET_CHARS: usize = 8;

/// The number of characters by which a secret is recognized.
const KNOWN_CHARS: usize = 256;

/// All that the servers in this process have said since the oldest test that still runs: what they logged at
/// any level, what they panicked with, and the errors and headers of their answers.
static SAID: Mutex<Said> = Mutex::new(Said { text: Vec::new(), forgotten: 0, listeners: Vec::new() });

struct Said {
    text: Vec<u8>,
    /// How many bytes were said before this text.
    forgotten: usize,
    /// From where on the tests want to hear.
    listeners: Vec<usize>,
}

/// The secrets of a test, for which it looks in all that is said while it runs.
#[derive(Clone)]
pub(crate) struct Secrets(Arc<Listener>);

struct Listener {
    known: Mutex<HashSet<String>>,
    since: usize,
}

impl Secrets {
    /// Begins to listen.
    pub(crate) fn watch() -> Self {
        static LISTENING: Once = Once::new();
        LISTENING.call_once(listen);
        let mut said = lock(&SAID);
        let since = said.forgotten + said.text.len();
        said.listeners.push(since);
        Self(Arc::new(Listener { known: Mutex::default(), since }))
    }

    /// Adds a secret.
    pub(crate) fn add(&self, secret: &str) {
        // Only the signature of a JWT is secret.
        let secret = if secret.matches('.').count() == 2 { secret.rsplit('.').next() } else { Some(secret) };
        let secret: String = secret.unwrap_or_default().trim().chars().take(KNOWN_CHARS).collect();
        let is_a_word = secret.chars().all(char::is_alphabetic);
        if secret.len() >= MIN_SECRET_CHARS && !is_a_word {
            lock(&self.0.known).insert(secret);
        }
    }

    /// Adds what this calls a password, a token or a secret, unless it calls it something else as well.
    pub(crate) fn add_named(&self, value: &Value) {
        let (mut secret, mut open) = (HashSet::new(), HashSet::new());
        sort("", value, &mut secret, &mut open);
        secret.difference(&open).for_each(|secret| self.add(secret));
    }

    /// Adds the tokens that an answer brings.
    pub(crate) fn add_received(&self, answer: &Answer) {
        self.add_named(&answer.body["data"]);
        if let Some((_, token, _)) = answer.cookie() {
            self.add(token);
        }
    }

    /// The lines in which one of the secrets stands, in whichever form, of all that was said and of a log.
    pub(crate) fn leaks(&self, log: &[u8]) -> Vec<String> {
        let forms: Vec<_> = lock(&self.0.known).iter().flat_map(|secret| encodings_of(secret)).collect();
        let automaton = AhoCorasick::new(&forms).expect("so many forms can be looked for");
        let said = {
            let said = lock(&SAID);
            said.text[self.0.since - said.forgotten..].to_vec()
        };
        let found = |text: &[u8]| {
            let lines =
                automaton.find_iter(text).map(|found| (found.pattern(), line_at(text, found.start())));
            lines.map(|(form, line)| format!("{}: {line}", forms[form])).collect::<HashSet<_>>()
        };
        found(&said).into_iter().chain(found(log)).collect()
    }

    /// Says that nothing of what was said, and nothing in a log, tells a secret.
    pub(crate) fn assert_kept(&self, log: &[u8]) {
        let leaks = self.leaks(log);
        assert!(leaks.is_empty(), "a secret is told: {leaks:#?}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut said = lock(&SAID);
        let place = said.listeners.iter().position(|since| *since == self.since);
        said.listeners.swap_remove(place.expect("it listens"));
        let end = said.forgotten + said.text.len();
        let oldest = said.listeners.iter().min().copied().unwrap_or(end);
        let heard = oldest - said.forgotten;
        said.text.drain(..heard);
        said.forgotten = oldest;
    }
}

/// Takes down what an answer tells beside its data.
pub(super) fn take_down(answer: &Answer) {
    let mut heard = String::new();
    for (name, value) in answer.headers.iter().filter(|(name, _)| *name != "set-cookie") {
        writeln!(heard, "{name}: {value:?}").expect("writes");
    }
    errors_of(&answer.body, &mut heard);
    say(heard.as_bytes());
}

/// Everything that is called errors, however deep, and a body that is text.
fn errors_of(value: &Value, heard: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "errors" {
                    writeln!(heard, "{value}").expect("writes");
                }
                errors_of(value, heard);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| errors_of(item, heard)),
        _ => {}
    }
}

/// Takes down what this process logs, and what it panics with anywhere but in a test.
fn listen() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(|| Ear)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|place| !place.file().starts_with("tests/")) {
            say(format!("{panic}\n").as_bytes());
        }
        before(panic);
    }));
}

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        say(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn say(bytes: &[u8]) {
    let mut said = lock(&SAID);
    if !said.listeners.is_empty() {
        said.text.extend_from_slice(bytes);
    }
}

/// A test that fails leaves all in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Parts the strings of a value by their names.
fn sort<'a>(name: &str, value: &'a Value, secret: &mut HashSet<&'a str>, open: &mut HashSet<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| sort(name, value, secret, open)),
        Value::Array(items) => items.iter().for_each(|item| sort(name, item, secret, open)),
        Value::String(text) => {
            let name = name.to_lowercase();
            let is_secret = ["password", "token", "secret"].iter().any(|word| name.contains(word));
            if is_secret {
                secret.insert(text)
            } else {
                open.insert(text)
            };
        }
        _ => {}
    }
}

/// The encodings of a secret in logs, URLs and errors.
pub(crate) fn encodings_of(secret: &str) -> Vec<String> {
    let unquoted = |text: String| text[1..text.len() - 1].to_owned();
    let percent: String = secret.bytes().fold(String::new(), |text, byte| {
        text + &if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    let numbers: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
    vec![
        secret.to_owned(),
        unquoted(format!("{secret:?}")),
        unquoted(json!(secret).to_string()),
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        percent.replace("%20", "+"),
        percent,
        hex(secret.as_bytes()),
        numbers.join(", "),
    ]
}

fn line_at(text: &[u8], place: usize) -> String {
    let start = text[..place].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let line = text[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).chars().take(1000).collect()
}
