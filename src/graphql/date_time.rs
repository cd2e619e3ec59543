use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::SecondsFormat;

use crate::clock::Timestamp;

/// A point in time, as the schema represents it.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{ScalarType, Value};
/// use portcullis::graphql::DateTime;
///
/// let time = DateTime("2026-11-23T20:15:00Z".parse()?);
/// assert_eq!(time.to_value(), Value::from("2026-11-23T20:15:00.000Z"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
pub struct DateTime(pub Timestamp);

/// A point in time, such as "2026-11-23T20:15:00.000Z" (RFC 3339). The server writes UTC with milliseconds
/// and reads any offset.
#[Scalar(name = "DateTime", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match text.parse() {
                Ok(time) => Ok(Self(time)),
                Err(_) => Err(InputValueError::custom("a time such as 2026-11-23T20:15:00Z was expected")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}
