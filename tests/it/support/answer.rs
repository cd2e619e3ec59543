use portcullis::graphql::ErrorCode;
use reqwest::header::HeaderMap;
use serde_json::Value;
use strum::VariantArray;

use super::secrets::take_down;

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self::try_read(response).await.expect("a body")
    }

    pub(super) async fn try_read(response: reqwest::Response) -> Option<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some(Self::of(status, headers, body))
    }

    fn of(status: u16, headers: HeaderMap, body: Value) -> Self {
        let answer = Self { status, headers, body };
        take_down(&answer);
        answer
    }

    /// Reads an answer as it stands on the wire (RFC 9112 §2.1).
    pub(super) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.parse().ok()?, value.parse().ok()?))
        });
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        let status = status.unwrap_or_else(|| panic!("an answer was expected: {text:?}"));
        Self::of(status, headers.collect(), body)
    }

    /// A value of the data, by its JSON pointer.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.body.pointer(&format!("/data{path}")).unwrap_or(&Value::Null)
    }

    /// The codes of the user errors of the mutation.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let errors = self.at("/it/errors").as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["code"].as_str()).collect()
    }

    /// The extensions of the only top-level error.
    pub(crate) fn error(&self) -> &Value {
        match self.body["errors"].as_array().map(Vec::as_slice) {
            Some([error]) => &error["extensions"],
            _ => panic!("one error was expected: {}", self.body),
        }
    }

    /// The code of the only top-level error.
    pub(crate) fn code(&self) -> &str {
        self.error()["code"].as_str().unwrap_or_default()
    }

    /// Says that the mutation, or the query, did what was asked.
    #[track_caller]
    pub(crate) fn assert_done(&self) -> &Self {
        assert!(self.body.get("errors").is_none() && self.codes().is_empty(), "{}", self.body);
        assert!(self.body.get("data").is_some(), "{}", self.body);
        self
    }

    /// Says that the mutation told the user of this one error.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: &str) -> &Self {
        assert!(self.body.get("errors").is_none(), "{}", self.body);
        assert_eq!(self.codes(), [code], "{}", self.body);
        self
    }

    /// Says that a guard kept the caller out, and why.
    #[track_caller]
    pub(crate) fn assert_unauthenticated(&self, reason: &str) -> &Self {
        assert!(self.status < 500, "{self:?}");
        assert_eq!((self.code(), self.error()["reason"].as_str()), ("UNAUTHENTICATED", Some(reason)));
        self
    }

    /// The cookie that the answer sets: its name, its value, and its attributes.
    pub(crate) fn cookie(&self) -> Option<(&str, &str, Vec<&str>)> {
        let cookie = self.headers.get("set-cookie")?.to_str().expect("ASCII");
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next()?.split_once('=')?;
        Some((name, value, parts.collect()))
    }

    /// Says that there was this one top-level error.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: &str) -> &Self {
        assert_eq!(self.code(), code, "{}", self.body);
        self
    }

    /// A header, as text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Says that nothing was executed: the status, no data, and errors of this code in the shape that all
    /// errors have.
    #[track_caller]
    pub(crate) fn assert_not_executed(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.get("data").is_none(), "{}", self.body);
        assert!(ErrorCode::VARIANTS.iter().any(|known| <&str>::from(known) == code), "{code}");
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!errors.is_empty(), "{}", self.body);
        for error in errors {
            assert!(error["message"].as_str().is_some_and(|message| message.len() > 5), "{error}");
            assert_eq!(error["extensions"]["code"], code, "{error}");
            assert_eq!(error["extensions"]["requestId"], self.header("x-request-id"), "{error}");
        }
        self
    }
}

/// The names of an object's members, in alphabetical order.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().into_iter().flat_map(|object| object.keys()).collect();
    keys.sort_unstable();
    keys.into_iter().map(String::as_str).collect()
}
