//! The variables of a template, as a template sees them.

use std::time::Duration;

use serde::Serialize;

use super::{Variables, device};
use crate::clock::Timestamp;

/// The maximum length of a variable that a user has written, characters.
const MAX_CHARS: usize = 320;

/// The number of digits between the spaces in a code.
const DIGITS_PER_GROUP: usize = 4;

/// The variables of a template. None of them is undefined: a variable without a value is `none`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Context<'a> {
    /// The name of the service.
    service: &'a str,
    /// The subject, in the other parts.
    pub(super) subject: String,
    /// The language of the message.
    locale: String,
    username: Option<String>,
    display_name: Option<String>,
    link: Option<&'a str>,
    /// The code, with its digits in groups.
    code: Option<String>,
    /// The remaining time until link and code expire, in the language of the message.
    expires_in: Option<String>,
    /// The same in minutes, for other languages.
    expires_in_minutes: Option<u64>,
    address: Option<String>,
    /// The time at which the message was caused.
    time: String,
    ip_address: Option<String>,
    /// The browser and the system of the client, as far as they are known.
    device: Option<&'static str>,
    #[serde(skip)]
    remaining: Option<Duration>,
}

impl<'a> Context<'a> {
    /// The variables of a message that was caused at `created_at`, for rendering at `now`.
    pub(super) fn new(
        service: &'a str,
        variables: &'a Variables,
        created_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let age = (now - created_at).to_std().unwrap_or_default();
        let client = variables.client.as_ref();
        Self {
            service,
            subject: String::new(),
            locale: String::new(),
            username: variables.username.as_deref().map(one_line),
            display_name: variables.display_name.as_deref().map(one_line),
            link: variables.link.as_deref(),
            code: variables.code.as_deref().map(grouped),
            expires_in: None,
            expires_in_minutes: None,
            address: variables.address.as_deref().map(one_line),
            time: created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            ip_address: client.map(|client| client.ip_address.to_string()),
            device: client.and_then(|client| device::name(client.user_agent.as_deref()?)),
            remaining: variables.expires_in.map(|time| time.saturating_sub(age)),
        }
    }

    /// Sample values for all variables.
    pub(super) fn sample(service: &'a str) -> Self {
        Self {
            service,
            username: Some("ada".to_owned()),
            display_name: Some("Ada Lovelace".to_owned()),
            link: Some("https://id.example.com/sample#token=SAMPLE"),
            code: Some(grouped("12345678")),
            address: Some("ada@example.com".to_owned()),
            time: "2026-01-31 12:00 UTC".to_owned(),
            ip_address: Some("192.0.2.1".to_owned()),
            device: Some("Firefox, Linux"),
            remaining: Some(Duration::from_mins(30)),
            ..Self::default()
        }
    }

    /// Sets the language, and formats the remaining time in it.
    pub(super) fn set_locale(&mut self, locale: &str) {
        locale.clone_into(&mut self.locale);
        self.expires_in = self.remaining.map(|time| remaining(time, locale));
        self.expires_in_minutes = self.remaining.map(whole_minutes);
    }
}

/// A text that a user has written, as one line of bounded length.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect()
}

/// A code in groups, which are easier to read and to type.
pub(super) fn grouped(code: &str) -> String {
    let digits: Vec<char> = code.chars().collect();
    let groups = digits.chunks(DIGITS_PER_GROUP).map(String::from_iter);
    groups.collect::<Vec<_>>().join(" ")
}

/// The time in minutes. A part of a minute counts as one, because some seconds pass until the message is read.
fn whole_minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

/// The time in words, in the largest unit that divides it or in which it is at least two.
fn remaining(time: Duration, locale: &str) -> String {
    let minutes = whole_minutes(time);
    let is_german = locale.split('-').next() == Some("de");
    let (count, [one, many]) = match minutes {
        0..120 if minutes != 60 => {
            (minutes, if is_german { ["Minute", "Minuten"] } else { ["minute", "minutes"] })
        }
        0..2880 => (minutes.div_ceil(60), if is_german { ["Stunde", "Stunden"] } else { ["hour", "hours"] }),
        _ => (minutes.div_ceil(1440), if is_german { ["Tage", "Tage"] } else { ["days", "days"] }),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_a_unit_that_people_use() {
        for (minutes, english, german) in [
            (1, "1 minute", "1 Minute"),
            (30, "30 minutes", "30 Minuten"),
            (60, "1 hour", "1 Stunde"),
            (90, "90 minutes", "90 Minuten"),
            (24 * 60, "24 hours", "24 Stunden"),
            (3 * 24 * 60, "3 days", "3 Tage"),
        ] {
            let time = Duration::from_mins(minutes).saturating_sub(Duration::from_millis(20));
            assert_eq!([remaining(time, "en"), remaining(time, "de-at")], [english, german]);
        }
    }

    #[test]
    fn a_code_is_grouped() {
        assert_eq!(grouped("12345678"), "1234 5678");
        assert_eq!(grouped(""), "");
    }
}
