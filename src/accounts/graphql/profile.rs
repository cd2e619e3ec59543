use async_graphql::{InputObject, MaybeUndefined};

use crate::{
    accounts::{AccountError, AccountUpdate, DisplayName, EmailAddress, Locale, Metadata, PictureUrl},
    graphql::Json,
};

/// The input of the `updateProfile` mutation. Omitted fields stay unchanged; null clears a field.
#[derive(InputObject)]
pub struct UpdateProfileInput {
    /// Your display name. Null removes it.
    display_name: MaybeUndefined<String>,
    /// Your e-mail address. A new address is unverified. Null removes it. A change requires a recent login, as
    /// `@requiresRecentLogin` does.
    email: MaybeUndefined<String>,
    /// Your language: a BCP 47 tag such as de or pt-BR. Null removes it.
    locale: MaybeUndefined<String>,
    /// The https URL of your picture, of at most 1024 bytes. Null removes it.
    picture_url: MaybeUndefined<String>,
    /// Your metadata, which replaces the previous object: at most 4096 bytes of JSON and 8 levels. Null removes it.
    metadata: MaybeUndefined<Json>,
}

impl UpdateProfileInput {
    /// Whether the e-mail address changes.
    pub(super) fn has_email(&self) -> bool {
        !self.email.is_undefined()
    }

    pub(super) fn parse(self) -> Result<AccountUpdate, AccountError> {
        Ok(AccountUpdate {
            display_name: parse_change(self.display_name, |name| DisplayName::parse(&name))?,
            email: parse_change(self.email, |email| EmailAddress::parse(&email).map(Some))?,
            locale: parse_change(self.locale, |locale| Locale::parse(&locale))?,
            picture_url: parse_change(self.picture_url, |url| PictureUrl::parse(&url))?,
            metadata: parse_change(self.metadata, |metadata| Metadata::parse(metadata.0))?,
            ..AccountUpdate::default()
        })
    }
}

/// Parses a change of a field: `None` leaves it unchanged, and `Some(None)` clears it.
///
/// # Errors
/// If the new value is invalid.
pub fn parse_change<T, U>(
    input: MaybeUndefined<T>,
    parse: impl FnOnce(T) -> Result<Option<U>, AccountError>,
) -> Result<Option<Option<U>>, AccountError> {
    match input {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(value) => parse(value).map(Some),
    }
}
