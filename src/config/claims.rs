//! The size of the claims of an access token. Clients send the token in a header, and servers limit the size of
//! headers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Config, InvalidValue, ensure};

/// The maximum size of the claims of an access token, in bytes of JSON. With a key of any kind, the token then has at
/// most 8 KiB, which is the maximum that the server accepts.
pub const MAX_CLAIMS_BYTES: usize = 4992;

/// An upper bound of the claims that all tokens have, except the issuer and the audience: their names, three UUIDs,
/// three timestamps, the token version, and a username of 64 characters of four bytes.
const COMMON_CLAIMS_BYTES: usize = 576;

/// An upper bound of the `status` claim, except the URL of the status lists: its names, an index and the number of a list.
const STATUS_CLAIM_BYTES: usize = 64;

impl Config {
    /// Whether the access token of an account with these roles fits into a header, with a username of any length.
    #[must_use]
    #[doc(hidden)]
    pub fn token_fits(&self, roles: &[String]) -> bool {
        self.claims_bytes(roles) <= MAX_CLAIMS_BYTES
    }

    /// Returns an error for roles and claims that make a token too large.
    pub(super) fn check_claims(&self) -> Result<(), InvalidValue> {
        let check = |roles: &[String], key: &str| {
            let bytes = self.claims_bytes(roles);
            let expected = format!(
                "results in access tokens with up to {bytes} bytes of claims, but the maximum that fits into a header \
                 is {MAX_CLAIMS_BYTES}; remove or shorten scopes or claims"
            );
            ensure(bytes <= MAX_CLAIMS_BYTES, key, expected)
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
            + STATUS_CLAIM_BYTES
            + json_bytes(&self.status_list_url())
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
