//! Identifiers: a type prefix, `_`, and a `UUIDv7` in base32 (`TypeID` specification 0.3).
//!
//! An object has the same identifier everywhere: as node id, in the `sub` and `sid` claims, in logs and on the
//! command line.

use std::{borrow::Cow, fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use type_safe_id::{Type, TypeSafeId};
use uuid::Uuid;

use crate::clock::Clock;

/// The kind of object that an identifier names.
pub trait Kind: Send + Sync + 'static {
    /// The prefix, in lower-case ASCII letters.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $prefix:literal as $id:ident;)*) => {$(
        #[doc = concat!("Marks the identifiers that start with `", $prefix, "_`.")]
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $id = Id<$kind>;
    )*};
}

kinds! {
    /// Identifier of an account.
    UserKind = "user" as UserId;
    /// Identifier of a session: one sign-in on one device.
    SessionKind = "session" as SessionId;
    /// Identifier of an event in the audit log.
    EventKind = "event" as EventId;
    /// Identifier of a message by e-mail.
    MessageKind = "message" as MessageId;
    /// Identifier of a personal access token. It is no secret.
    PersonalAccessTokenKind = "pat" as PersonalAccessTokenId;
    /// Identifier of a passkey.
    PasskeyKind = "passkey" as PasskeyId;
    /// Identifier of a trusted device.
    TrustedDeviceKind = "device" as TrustedDeviceId;
}

/// An identifier of one kind of object. Ids sort by the time of their creation.
///
/// ```
/// use portcullis::{Clock, id::{Id, Kind}};
///
/// /// Marks the identifiers that start with `note_`.
/// enum NoteKind {}
///
/// impl Kind for NoteKind {
///     const PREFIX: &'static str = "note";
/// }
///
/// let id = Id::<NoteKind>::generate(&Clock::system());
/// assert!(id.to_string().starts_with("note_"));
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("user_01h455vb4pex5vsknk084sn02q".parse::<Id<NoteKind>>().is_err());
/// ```
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// Generates an identifier that sorts after all earlier ones of this clock.
    #[must_use]
    pub fn generate(clock: &Clock) -> Self {
        Self::from_uuid(clock.uuid())
    }

    /// Creates an identifier from its UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

/// The prefix of one kind. The library's type for arbitrary prefixes panics on some invalid ones.
struct Prefix<K>(PhantomData<fn() -> K>);

impl<K: Kind> Type for Prefix<K> {
    fn try_from_type_prefix(prefix: &str) -> Result<Self, Cow<'static, str>> {
        if prefix == K::PREFIX { Ok(Self(PhantomData)) } else { Err(K::PREFIX.into()) }
    }

    fn to_type_prefix(&self) -> &str {
        K::PREFIX
    }
}

/// The error for a string that is not an identifier of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that starts with {prefix}_")]
#[non_exhaustive]
pub struct InvalidId {
    /// The expected prefix.
    pub prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let id: TypeSafeId<Prefix<K>> = text.parse().map_err(|_| InvalidId { prefix: K::PREFIX })?;
        Ok(Self::from_uuid(id.uuid()))
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", TypeSafeId::from_type_and_uuid(Prefix::<K>(PhantomData), self.uuid))
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_is_parsed_from_its_string(bits: u128) {
            let id = UserId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn a_parsed_id_has_the_same_string(
            text in "(user|session|.{0,80}|)_?[0-9a-zA-Z]{0,30}",
        ) {
            if let Ok(id) = text.parse::<UserId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn an_id_of_another_kind_is_rejected() {
        let user = UserId::generate(&Clock::system());
        assert!(user.to_string().parse::<SessionId>().is_err());
    }
}
