use async_graphql::Enum;

use crate::{
    clock::Timestamp,
    tokens::{ONE_FACTOR, TWO_FACTORS},
};

/// The ways in which a user proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AuthenticationMethod {
    /// The password of the account.
    Password,
    /// A code that was sent by e-mail.
    EmailCode,
    /// A link that was sent by e-mail.
    EmailLink,
    /// A code of an authenticator app (TOTP, RFC 6238), as a second factor.
    Totp,
    /// A recovery code in place of a second factor.
    RecoveryCode,
    /// A passkey, which verifies its user and so counts as two factors (Web Authentication).
    Passkey,
}

impl AuthenticationMethod {
    const ALL: [Self; 6] =
        [Self::Password, Self::EmailCode, Self::EmailLink, Self::Totp, Self::RecoveryCode, Self::Passkey];

    /// The name in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::EmailCode => "email_code",
            Self::EmailLink => "email_link",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }

    /// The method with this name. `None` for one of a later release.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The values in the claim `amr` (RFC 8176 §2). A link is a one-time secret as a code is. A passkey proves that its
    /// user has a key, and was verified by the authenticator.
    const fn references(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            Self::EmailCode | Self::EmailLink | Self::Totp | Self::RecoveryCode => &["otp"],
            Self::Passkey => &["pop", "user"],
        }
    }

    /// Whether the method proves something else than the methods that begin a sign-in.
    const fn is_second_factor(self) -> bool {
        matches!(self, Self::Totp | Self::RecoveryCode)
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
    pub fn class(&self) -> &'static str {
        if has_two_factors(&self.methods) { TWO_FACTORS } else { ONE_FACTOR }
    }

    /// The authentication methods references: the claim `amr` (RFC 8176).
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let mut references = Vec::new();
        let of_methods = self.methods.iter().flat_map(|method| method.references()).copied();
        for reference in of_methods.chain(has_two_factors(&self.methods).then_some("mfa")) {
            if !references.iter().any(|other| other == reference) {
                references.push(reference.to_owned());
            }
        }
        references
    }

    /// Adds a method that was proven at this time to those of the session. A method that begins a sign-in suffices only
    /// for an account without a second factor, so earlier proofs of one no longer count.
    pub(super) fn add(&mut self, method: AuthenticationMethod, at: Timestamp) {
        self.at = at;
        let is_second = |method: &AuthenticationMethod| {
            method.is_second_factor() || *method == AuthenticationMethod::Passkey
        };
        if !is_second(&method) {
            self.methods.retain(|earlier| !is_second(earlier));
        }
        if !self.methods.contains(&method) {
            self.methods.push(method);
        }
    }

    /// The methods as they are stored.
    pub(super) fn stored_methods(&self) -> String {
        self.methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" ")
    }

    /// Reads the columns of a session. A method of a later release is left out.
    pub(super) fn from_stored(at: Timestamp, methods: Option<&str>) -> Self {
        let names = methods.unwrap_or_default().split(' ');
        Self { at, methods: names.filter_map(AuthenticationMethod::from_name).collect() }
    }
}

/// Whether these methods are two factors together.
pub(crate) fn has_two_factors(methods: &[AuthenticationMethod]) -> bool {
    let is_second = |method: &AuthenticationMethod| method.is_second_factor();
    methods.contains(&AuthenticationMethod::Passkey)
        || (methods.iter().any(is_second) && !methods.iter().all(is_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_they_are_stored() {
        let all = Authentication { at: Timestamp::UNIX_EPOCH, methods: AuthenticationMethod::ALL.to_vec() };
        assert_eq!(Authentication::from_stored(all.at, Some(&all.stored_methods())), all);
        assert_eq!(all.references(), ["pwd", "otp", "pop", "user", "mfa"]);
        let later = Authentication::from_stored(all.at, Some("password retina_scan"));
        assert_eq!(later.methods, [AuthenticationMethod::Password]);
        assert!(Authentication::from_stored(all.at, None).methods.is_empty());
    }

    #[test]
    fn two_factors_are_a_passkey_or_a_first_and_a_second_one() {
        use AuthenticationMethod::{EmailCode, EmailLink, Passkey, Password, RecoveryCode, Totp};

        let class =
            |methods: &[_]| Authentication { at: Timestamp::UNIX_EPOCH, methods: methods.to_vec() }.class();
        for one in
            [&[][..], &[Password], &[Totp], &[RecoveryCode], &[Totp, RecoveryCode], &[Password, EmailCode]]
        {
            assert_eq!(class(one), "aal1", "{one:?}");
        }
        for two in [&[Passkey][..], &[Password, Totp], &[EmailLink, RecoveryCode], &[Passkey, Totp]] {
            assert_eq!(class(two), "aal2", "{two:?}");
        }
    }
}
