use async_graphql::Enum;

use crate::clock::Timestamp;

/// The authentication context class of a sign-in with one factor (NIST SP 800-63B).
const ONE_FACTOR: &str = "aal1";

/// The ways in which a user proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AuthenticationMethod {
    /// The password of the account.
    Password,
    /// A code that was sent by e-mail.
    EmailCode,
    /// A link that was sent by e-mail.
    EmailLink,
}

impl AuthenticationMethod {
    const ALL: [Self; 3] = [Self::Password, Self::EmailCode, Self::EmailLink];

    /// The name in the database.
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::EmailCode => "email_code",
            Self::EmailLink => "email_link",
        }
    }

    /// The value in the claim `amr` (RFC 8176 §2). A link is a one-time secret as a code is.
    const fn reference(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::EmailCode | Self::EmailLink => "otp",
        }
    }
}

/// When and how the user of a session last proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// The time of the proof.
    pub at: Timestamp,
    /// The methods of the proof. Empty in a session of an earlier release, which did not record it.
    pub methods: Vec<AuthenticationMethod>,
}

impl Authentication {
    /// The authentication context class: the claim `acr` (RFC 9068 §2.2.1).
    #[must_use]
    pub const fn class(&self) -> &'static str {
        ONE_FACTOR
    }

    /// The authentication methods references: the claim `amr` (RFC 8176).
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let mut references: Vec<_> =
            self.methods.iter().map(|method| method.reference().to_owned()).collect();
        references.dedup();
        references
    }

    /// The methods as they are stored.
    pub(super) fn stored_methods(&self) -> String {
        self.methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" ")
    }

    /// Reads the columns of a session. A method of a later release is left out.
    pub(super) fn from_stored(at: Timestamp, methods: Option<&str>) -> Self {
        let find = |name| AuthenticationMethod::ALL.into_iter().find(|method| method.name() == name);
        Self { at, methods: methods.unwrap_or_default().split(' ').filter_map(find).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_they_are_stored() {
        let all = Authentication { at: Timestamp::UNIX_EPOCH, methods: AuthenticationMethod::ALL.to_vec() };
        assert_eq!(Authentication::from_stored(all.at, Some(&all.stored_methods())), all);
        assert_eq!(all.references(), ["pwd", "otp"]);
        let later = Authentication::from_stored(all.at, Some("password retina_scan"));
        assert_eq!(later.methods, [AuthenticationMethod::Password]);
        assert!(Authentication::from_stored(all.at, None).methods.is_empty());
    }
}
