use serde::{Deserialize, Serialize};

/// `[factors]`: second factors of a sign-in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FactorsConfig {
    /// Whether a code that is sent by e-mail may take the place of the second factor after a password. This is weaker:
    /// whoever can read the mail of a user, and knows the password, signs in.
    pub email_codes: bool,
}
