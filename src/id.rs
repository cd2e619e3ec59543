//! Identifiers: a type prefix, `_`, and a `UUIDv7` in base32 (the `TypeID` specification 0.3).
//!
//! One string for a thing everywhere: node id, `sub` and `sid` claims, log field, command line.

use std::{borrow::Cow, fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use type_safe_id::{Type, TypeSafeId};
use uuid::Uuid;

use crate::clock::Clock;

/// What an identifier names.
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
    /// Names an account.
    UserKind = "user" as UserId;
    /// Names one sign-in on one device.
    SessionKind = "session" as SessionId;
    /// Names an entry of the audit log.
    EventKind = "event" as EventId;
}

/// An identifier of one kind of thing. Ids sort by the time at which they were made.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// A new identifier, after all that this clock gave before.
    #[must_use]
    pub fn generate(clock: &Clock) -> Self {
        Self::from_uuid(clock.uuid())
    }

    /// The identifier of this kind with these bits.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bits.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

/// The prefix of a kind, and no other. The library's own type for any prefix panics at some that are none.
struct Prefix<K>(PhantomData<fn() -> K>);

impl<K: Kind> Type for Prefix<K> {
    fn try_from_type_prefix(prefix: &str) -> Result<Self, Cow<'static, str>> {
        if prefix == K::PREFIX { Ok(Self(PhantomData)) } else { Err(K::PREFIX.into()) }
    }

    fn to_type_prefix(&self) -> &str {
        K::PREFIX
    }
}

/// A string that is not an identifier of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier that starts with {prefix}_")]
pub struct InvalidId {
    /// The prefix that was asked for.
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
        fn every_id_survives_its_string(bits: u128) {
            let id = UserId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_string_is_read_as_another_id_than_it_writes(
            text in "(user|session|.{0,80}|)_?[0-9a-zA-Z]{0,30}",
        ) {
            if let Ok(id) = text.parse::<UserId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let user = UserId::generate(&Clock::system());
        assert!(user.to_string().parse::<SessionId>().is_err());
    }
}
