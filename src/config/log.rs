use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure};

/// `[log]`: filter and format of the log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogConfig {
    /// The events that are logged, in the syntax of tracing's `EnvFilter`: `info`,
    /// `portcullis=debug,info`. Each request is an event at the level debug.
    pub filter: String,
    /// The format of a log line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

impl LogConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure(
            tracing_subscriber::EnvFilter::try_new(&self.filter).is_ok(),
            "log.filter",
            "must be a log filter such as info or portcullis=debug,info",
        )
    }
}
