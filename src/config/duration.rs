//! Durations in the notation of humantime: `3s`, `15m`, `7d`, `1h 30m`.

use std::time::Duration;

use serde::{Deserializer, Serializer};

/// The units, in milliseconds, and their names.
const UNITS: [(u128, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];

/// Deserializes a duration with humantime.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    humantime_serde::deserialize(deserializer)
}

pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*time))
}

/// Formats a duration. The largest unit is the day, because humantime would print 90 days as two months, 29 days and
/// some hours.
pub(super) fn format(time: Duration) -> String {
    let mut rest = time.as_millis();
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if rest >= unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_formatted_as_it_is_parsed() {
        for text in ["0s", "3s", "15m", "90d", "1h 30m", "400ms", "4000d"] {
            let time = humantime_serde::re::humantime::parse_duration(text).expect("a duration");
            assert_eq!(format(time), text);
        }
    }
}
