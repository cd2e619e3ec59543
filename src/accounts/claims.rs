use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Account;
use crate::config::{MAX_PROFILE_CLAIM_BYTES, TokensConfig};

impl Account {
    /// The claims that the configuration adds to the tokens of the account.
    pub(crate) fn custom_claims(&self, config: &TokensConfig) -> BTreeMap<String, Json> {
        let mut claims = config.custom_claims.clone();
        for (name, field) in &config.claims {
            claims.extend(self.profile_claim(field).map(|value| (name.clone(), value)));
        }
        claims
    }

    /// The value of a claim that `tokens.claims` takes from this field of the profile. `None` if the account has none, or
    /// if it is too large for a token.
    fn profile_claim(&self, field: &str) -> Option<Json> {
        let text = |text: &Option<String>| text.clone().map(Json::from);
        let value = match field {
            "displayName" => text(&self.display_name),
            // A service takes the address for that of the user, so only a proven one may be in a token.
            "email" => text(&self.email).filter(|_| self.email_verified),
            "locale" => text(&self.locale),
            "pictureUrl" => text(&self.picture_url),
            path => self.at_path(path).cloned(),
        };
        value.filter(|value| !value.is_null() && value.to_string().len() <= MAX_PROFILE_CLAIM_BYTES)
    }

    fn at_path(&self, path: &str) -> Option<&Json> {
        let (first, rest) = path.split_once('.')?;
        let metadata = match first {
            "metadata" => self.metadata.as_ref()?,
            "appMetadata" => self.app_metadata.as_ref()?,
            _ => return None,
        };
        rest.split('.').try_fold(metadata, |value, segment| value.get(segment))
    }
}
