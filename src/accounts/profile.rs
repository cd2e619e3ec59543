use icu_locale_core::Locale as Tag;
use serde_json::{Map, Value as Json};
use url::Url;

use super::AccountError;

/// The maximum length of a language tag, in bytes: what every reader must accept (RFC 5646 §4.4.1).
const MAX_LOCALE_BYTES: usize = 35;

/// The maximum length of the URL of a picture, in bytes.
const MAX_URL_BYTES: usize = 1024;

/// The maximum size of an object of metadata, in bytes of JSON. Each account has two, and each read of an account reads
/// both.
pub(super) const MAX_METADATA_BYTES: usize = 4096;

/// The maximum depth of metadata: the object itself has depth 1.
const MAX_METADATA_DEPTH: usize = 8;

/// A language: a BCP 47 tag in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

impl Locale {
    /// Parses a tag such as `de`, `de-AT` or `zh-Hant-TW`. Returns `None` for an empty text.
    ///
    /// # Errors
    /// [`AccountError::ProfileInvalid`].
    pub fn parse(text: &str) -> Result<Option<Self>, AccountError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let invalid = AccountError::ProfileInvalid(
            "A locale is a BCP 47 language tag of at most 35 characters, such as de or pt-BR.",
        );
        if text.len() > MAX_LOCALE_BYTES {
            return Err(invalid);
        }
        // Systems with POSIX locales write de_AT.
        match Tag::try_from_str(&text.replace('_', "-")) {
            Ok(tag) => Ok(Some(Self(tag.to_string()))),
            Err(_) => Err(invalid),
        }
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The URL of a picture. Only HTTPS, because pages display it to other users: `javascript:` would run there, and `http:`
/// would be blocked as mixed content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureUrl(String);

impl PictureUrl {
    /// Parses a URL. Returns `None` for an empty text.
    ///
    /// # Errors
    /// [`AccountError::ProfileInvalid`].
    pub fn parse(text: &str) -> Result<Option<Self>, AccountError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let is_picture =
            |url: &Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        let url = if text.len() > MAX_URL_BYTES { None } else { Url::parse(text).ok() };
        let url = url.filter(is_picture).map(String::from).filter(|url| url.len() <= MAX_URL_BYTES);
        url.map(|url| Some(Self(url))).ok_or(AccountError::ProfileInvalid(
            "The URL of a picture is an https URL of at most 1024 bytes, without a user and a password.",
        ))
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Metadata: a JSON object that this server stores and does not interpret.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata(Json);

impl Metadata {
    /// Checks metadata. Returns `None` for an empty object.
    ///
    /// # Errors
    /// [`AccountError::ProfileInvalid`] if it is not an object, too large or too deep.
    pub fn parse(value: Json) -> Result<Option<Self>, AccountError> {
        let Json::Object(object) = &value else {
            return Err(AccountError::ProfileInvalid("Metadata is a JSON object."));
        };
        if !has_depth(&value, MAX_METADATA_DEPTH) {
            return Err(AccountError::ProfileInvalid("Metadata has at most 8 levels."));
        }
        if value.to_string().len() > MAX_METADATA_BYTES {
            return Err(AccountError::ProfileInvalid("Metadata has at most 4096 bytes as JSON."));
        }
        let is_empty = Map::is_empty(object);
        Ok((!is_empty).then_some(Self(value)))
    }

    /// The object.
    #[must_use]
    pub fn into_json(self) -> Json {
        self.0
    }
}

/// Whether a value has at most this depth. It does not descend further.
fn has_depth(value: &Json, max: usize) -> bool {
    match value {
        Json::Object(object) => max > 0 && object.values().all(|value| has_depth(value, max - 1)),
        Json::Array(items) => max > 0 && items.iter().all(|value| has_depth(value, max - 1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_locale_has_its_canonical_spelling() {
        let tag = |text| Locale::parse(text).ok().flatten().map(|locale| locale.0);
        for (text, expected) in
            [("de", "de"), ("DE-at", "de-AT"), ("pt_BR", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW")]
        {
            assert_eq!(tag(text).as_deref(), Some(expected));
        }
        for refused in ["english", "de-", "x", "de\0", "../../etc", "<b>", &"de-".repeat(20)] {
            assert!(Locale::parse(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_picture_is_an_https_url() {
        let url = |text| PictureUrl::parse(text).ok().flatten().map(|url| url.0);
        assert_eq!(url("https://a.example/p.png").as_deref(), Some("https://a.example/p.png"));
        assert_eq!(url("https://a.example/\"><b>").as_deref(), Some("https://a.example/%22%3E%3Cb%3E"));
        let long = format!("https://a.example/{}", "a".repeat(1024));
        let grows = format!("https://a.example/{}", "ä".repeat(400));
        for refused in [
            "http://a.example/",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "https://user@a.example/",
            "https://:password@a.example/",
            "//a.example/p.png",
            "p.png",
            &long,
            &grows,
        ] {
            assert!(PictureUrl::parse(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn metadata_is_bounded() {
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(Metadata::parse(nested(8)).is_ok() && Metadata::parse(nested(9)).is_err());
        assert!(Metadata::parse(json!({ "a": "x".repeat(4088) })).is_ok());
        assert!(Metadata::parse(json!({ "a": "x".repeat(4089) })).is_err());
        assert_eq!(Metadata::parse(json!({})).expect("an object"), None);
        for refused in [json!(null), json!([]), json!("a"), json!(1)] {
            assert!(Metadata::parse(refused.clone()).is_err(), "{refused}");
        }
    }
}
