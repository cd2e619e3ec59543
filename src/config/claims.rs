//! The size of the claims of an access token. Clients send the token in a header, and servers limit the size of
//! headers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Config, InvalidValue, TokensConfig, ensure, is_token, tokens::is_reserved_claim};

/// The maximum size of the claims of an access token, in bytes of JSON. With a key of any kind, the token then has at
/// most 8 KiB, which is the maximum that the server accepts.
pub const MAX_CLAIMS_BYTES: usize = 4992;

/// An upper bound of the claims that all tokens have, except the issuer and the audience: their names, three UUIDs,
/// three timestamps, the token version, and a username of 64 characters of four bytes.
const COMMON_CLAIMS_BYTES: usize = 576;

/// An upper bound of the `status` claim, except the URL of the status lists: its names, an index and the number of a list.
const STATUS_CLAIM_BYTES: usize = 64;

/// The maximum size of a claim with a field of the profile, in bytes of JSON. A larger value is left out of the token.
pub const MAX_PROFILE_CLAIM_BYTES: usize = 256;

/// The fields of the profile that a claim may contain, besides the paths in metadata.
const PROFILE_FIELDS: [&str; 4] = ["displayName", "email", "locale", "pictureUrl"];

/// The beginnings of paths in metadata.
const METADATA: [&str; 2] = ["metadata", "appMetadata"];

/// Registered claims that say who may do what, or how the user has signed in. A user could write the metadata that such a
/// claim would contain.
const PROTECTED_CLAIMS: [&str; 12] = [
    "act",
    "at_hash",
    "authorization_details",
    "azp",
    "cnf",
    "email_verified",
    "entitlements",
    "events",
    "groups",
    "may_act",
    "nonce",
    "scp",
];

/// Returns an error for a claim of `tokens.claims` that replaces another one, or contains no field of the profile.
pub(super) fn check_profile_claims(tokens: &TokensConfig) -> Result<(), InvalidValue> {
    for (name, field) in &tokens.claims {
        let key = format!("tokens.claims.{name}");
        let is_protected = is_reserved_claim(name) || PROTECTED_CLAIMS.contains(&name.as_str());
        ensure(!is_protected, &key, "is a claim that services rely on; choose another name")?;
        ensure(!tokens.custom_claims.contains_key(name), &key, "is a claim of tokens.custom_claims as well")?;
        ensure(
            is_token(name),
            &key,
            "must have a name of at most 64 printable ASCII characters, without spaces",
        )?;
        ensure(
            is_profile_field(field),
            &key,
            "must be displayName, email, locale, pictureUrl, or a path such as metadata.theme or appMetadata.plan",
        )?;
    }
    Ok(())
}

fn is_profile_field(field: &str) -> bool {
    let is_path = |(first, rest): (&str, &str)| {
        METADATA.contains(&first) && rest.split('.').all(|segment| !segment.is_empty())
    };
    PROFILE_FIELDS.contains(&field) || (field.len() <= 256 && field.split_once('.').is_some_and(is_path))
}

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
            + self
                .tokens
                .claims
                .keys()
                .map(|name| json_bytes(name) + MAX_PROFILE_CLAIM_BYTES + 2)
                .sum::<usize>()
            + json_bytes(&roles)
            + scopes
    }
}

fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX / 8, |json| json.len())
}
