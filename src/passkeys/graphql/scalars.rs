//! The JSON dictionaries of WebAuthn as scalars.

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use serde_json::Value as Json;

/// The options for `navigator.credentials.create`.
#[derive(Clone, Debug)]
pub struct CreationOptionsJson(pub Json);

/// The options for `navigator.credentials.get`.
#[derive(Clone, Debug)]
pub struct RequestOptionsJson(pub Json);

/// A response of an authenticator that has created a passkey.
#[derive(Clone, Debug)]
pub struct RegistrationResponseJson(pub Json);

/// A response of an authenticator that has used a passkey.
#[derive(Clone, Debug)]
pub struct AuthenticationResponseJson(pub Json);

/// The JSON object that `PublicKeyCredential.parseCreationOptionsFromJSON` takes.
#[Scalar(
    name = "PublicKeyCredentialCreationOptionsJSON",
    specified_by_url = "https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialcreationoptionsjson"
)]
impl ScalarType for CreationOptionsJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        object(value, Self)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// The JSON object that `PublicKeyCredential.parseRequestOptionsFromJSON` takes.
#[Scalar(
    name = "PublicKeyCredentialRequestOptionsJSON",
    specified_by_url = "https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialrequestoptionsjson"
)]
impl ScalarType for RequestOptionsJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        object(value, Self)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// The JSON object that `toJSON()` of a new `PublicKeyCredential` returns.
#[Scalar(
    name = "RegistrationResponseJSON",
    specified_by_url = "https://www.w3.org/TR/webauthn-3/#dictdef-registrationresponsejson"
)]
impl ScalarType for RegistrationResponseJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        object(value, Self)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// The JSON object that `toJSON()` of a used `PublicKeyCredential` returns.
#[Scalar(
    name = "AuthenticationResponseJSON",
    specified_by_url = "https://www.w3.org/TR/webauthn-3/#dictdef-authenticationresponsejson"
)]
impl ScalarType for AuthenticationResponseJson {
    fn parse(value: Value) -> InputValueResult<Self> {
        object(value, Self)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

fn object<T: InputType>(value: Value, scalar: impl FnOnce(Json) -> T) -> InputValueResult<T> {
    if !matches!(value, Value::Object(_)) {
        return Err(InputValueError::expected_type(value));
    }
    match value.into_json() {
        Ok(json) => Ok(scalar(json)),
        Err(error) => Err(InputValueError::custom(error)),
    }
}
