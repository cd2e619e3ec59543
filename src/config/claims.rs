//! The size of the claims of an access token. Clients send a token in a header, and servers limit headers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Config, Impossible, require};

/// The maximum size of the claims of an access token, in bytes of JSON. Whichever key signs them, the token has at
/// most 8 KiB, as much as the server reads.
pub const MAX_CLAIMS_BYTES: usize = 4992;

/// An upper bound of the claims that are in every token, besides the issuer and the audience: their names, three
/// UUIDs, three times, the token version, and a username of 64 characters of four bytes.
const COMMON_CLAIMS_BYTES: usize = 576;

impl Config {
    /// Whether the access token of an account with these roles can be sent in a header, whatever its username is.
    #[must_use]
    pub fn token_holds(&self, roles: &[String]) -> bool {
        self.claims_bytes(roles) <= MAX_CLAIMS_BYTES
    }

    /// Refuses roles and claims that make a token too large.
    pub(super) fn check_claims(&self) -> Result<(), Impossible> {
        let check = |roles: &[String], key: &str| {
            let bytes = self.claims_bytes(roles);
            let wants = format!(
                "makes access tokens with up to {bytes} bytes of claims, but no more than {MAX_CLAIMS_BYTES} can be \
                 sent in a header; take scopes or claims away, or shorten them"
            );
            require(bytes <= MAX_CLAIMS_BYTES, key, wants)
        };
        check(&[], "tokens.custom_claims")?;
        for name in self.roles.keys() {
            check(std::slice::from_ref(name), &format!("roles.{name}.scopes"))?;
        }
        check(&self.accounts.default_roles, "accounts.default_roles")
    }

    fn claims_bytes(&self, roles: &[String]) -> usize {
        let granted = roles.iter().filter_map(|role| self.roles.get(role));
        let scopes: BTreeSet<&str> = granted.flat_map(|role| &role.scopes).map(String::as_str).collect();
        let scopes: usize = scopes.iter().map(|scope| scope.len() + 1).sum();
        COMMON_CLAIMS_BYTES
            + json_bytes(&self.issuer())
            + json_bytes(&self.tokens.audience)
            + json_bytes(&self.tokens.custom_claims)
            + json_bytes(&roles)
            + scopes
    }
}

fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX / 8, |json| json.len())
}
