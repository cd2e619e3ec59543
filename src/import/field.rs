//! The fields of an account, and their names in a file.

use std::{collections::BTreeMap, fmt, str::FromStr};

use strum::{EnumIter, IntoEnumIterator};

/// A field of an account in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter)]
pub enum Field {
    /// An identifier of this server (`user_…`). Others are not kept.
    Id,
    /// The username.
    Username,
    /// The display name.
    DisplayName,
    /// The e-mail address.
    Email,
    /// Whether the owner has proven that the address is theirs.
    EmailVerified,
    /// The language: a BCP 47 tag.
    Locale,
    /// The https URL of a picture.
    PictureUrl,
    /// The metadata that the user writes: an object, or its JSON as text.
    Metadata,
    /// The metadata that only administrators write: an object, or its JSON as text.
    AppMetadata,
    /// The names of the roles: a list, or text with commas.
    Roles,
    /// Whether the account is disabled.
    Disabled,
    /// The time of creation.
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
    /// The time of the last sign-in.
    LastLoginAt,
    /// A password hash.
    PasswordHash,
    /// The salt of a hash of Firebase.
    PasswordSalt,
    /// The Unicode normalization of the password before it was hashed: `NFKC`, or nothing.
    PasswordNormalization,
    /// A password hash, or a plain password.
    Password,
}

impl Field {
    /// The names in a file, the first one as this server writes it. Case, `_`, `-` and spaces make no difference.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["id"],
            Self::Username => &["username"],
            Self::DisplayName => &["displayName"],
            Self::Email => &["email"],
            Self::EmailVerified => &["emailVerified"],
            Self::Locale => &["locale"],
            Self::PictureUrl => &["pictureUrl"],
            Self::Metadata => &["metadata"],
            Self::AppMetadata => &["appMetadata"],
            Self::Roles => &["roles"],
            Self::Disabled => &["disabled"],
            Self::CreatedAt => &["createdAt"],
            Self::UpdatedAt => &["updatedAt"],
            Self::LastLoginAt => &["lastLoginAt", "lastSignedInAt"],
            Self::PasswordHash => &["passwordHash"],
            Self::PasswordSalt => &["passwordSalt", "salt"],
            Self::PasswordNormalization => &["passwordNormalization"],
            Self::Password => &["password"],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names()[0])
    }
}

impl FromStr for Field {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let key = simplified(text);
        let is_named = |field: &Self| field.names().iter().any(|name| simplified(name) == key);
        Self::iter().find(is_named).ok_or(InvalidMapping::Field)
    }
}

/// A name without what makes no difference.
pub(super) fn simplified(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The names that fields have in a file, where they differ from the usual ones.
#[derive(Clone, Debug, Default)]
pub struct Mapping(BTreeMap<Field, String>);

impl Mapping {
    /// Adds a mapping `field=name`. The name may be a path, such as `emails.0.address`. An empty name ignores the field.
    ///
    /// # Errors
    /// If there is no such field, or it is mapped already.
    pub fn add(&mut self, text: &str) -> Result<(), InvalidMapping> {
        let (field, name) = text.split_once('=').ok_or(InvalidMapping::Syntax)?;
        match self.0.insert(field.trim().parse()?, name.trim().to_owned()) {
            None => Ok(()),
            Some(_) => Err(InvalidMapping::Twice),
        }
    }

    /// The name of a field in the file. `None` if it has one of the usual names.
    pub(super) fn name(&self, field: Field) -> Option<&str> {
        self.0.get(&field).map(String::as_str)
    }
}

/// An error of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// There is no equals sign.
    #[error("expected field=name, such as username=login")]
    Syntax,
    /// There is no such field.
    #[error("there is no such field; the fields are {}", fields())]
    Field,
    /// The field is mapped twice.
    #[error("the field is mapped twice")]
    Twice,
}

fn fields() -> String {
    Field::iter().map(|field| field.to_string()).collect::<Vec<_>>().join(", ")
}
