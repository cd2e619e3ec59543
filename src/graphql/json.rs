use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A JSON value, as the schema represents it.
///
/// ```
/// # #[cfg(feature = "server")]
/// # {
/// use async_graphql::{ScalarType, value};
/// use portcullis::graphql::Json;
///
/// let json = Json::parse(value!({ "theme": "dark" })).expect("an object");
/// assert_eq!(json.0, serde_json::json!({ "theme": "dark" }));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub serde_json::Value);

/// A JSON value: an object, a list, a string, a number, a boolean or null (RFC 8259).
#[Scalar(name = "JSON", specified_by_url = "https://datatracker.ietf.org/doc/html/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value.into_json() {
            Ok(json) => Ok(Self(json)),
            Err(error) => Err(InputValueError::custom(error)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
