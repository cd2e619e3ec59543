use serde::{Deserialize, Serialize};

use super::{Impossible, require};

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Which events, in the syntax of tracing's `EnvFilter`: `info`, `portcullis=debug,info`.
    pub filter: String,
    /// How an event is written.
    pub format: LogFormat,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for collectors.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

impl LogConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        require(
            tracing_subscriber::EnvFilter::try_new(&self.filter).is_ok(),
            "log.filter",
            "must be a filter such as info or portcullis=debug,info",
        )
    }
}
