use std::thread;

use serde_json::Value as Json;

use super::Config;

/// The value of a key that is not set and has no constant default.
pub(super) struct Derived {
    /// The key, as `section.key`.
    pub(super) key: &'static str,
    pub(super) value: Json,
    /// The key or the property of the machine from which the value is computed.
    pub(super) from: &'static str,
}

impl Config {
    /// The derived values of all keys that are not set.
    pub(super) fn derived(&self) -> Vec<Derived> {
        let mut derived = Vec::new();
        let mut derive = |is_unset: bool, key, from, value: Json| {
            if is_unset {
                derived.push(Derived { key, value, from });
            }
        };
        let (http, tokens) = (&self.http, &self.tokens);
        derive(http.public_url.is_none(), "http.public_url", "http.listen", http.public_url().into());
        derive(tokens.issuer.is_none(), "tokens.issuer", "http.public_url", self.issuer().into());
        let has_secret = self.secret.is_some() || self.secret_file.is_some();
        let secret_file = self.data_dir.join("secret").display().to_string();
        derive(!has_secret, "secret_file", "data_dir", secret_file.into());
        let database = format!("sqlite:{}", self.database_name());
        derive(self.database.url.is_none(), "database.url", "data_dir", database.into());
        let folder = self.mail_folder().display().to_string();
        derive(self.mail.folder.is_none(), "mail.folder", "data_dir", folder.into());
        derive(
            self.mail.smtp.port.is_none(),
            "mail.smtp.port",
            "mail.smtp.encryption",
            self.mail.smtp.port().into(),
        );
        let passkeys = &self.passkeys;
        if let Some(rp_id) = self.passkey_rp_id() {
            derive(passkeys.rp_id.is_none(), "passkeys.rp_id", "http.public_url", rp_id.into());
        }
        let workers = thread::available_parallelism().map_or(1, usize::from);
        derive(self.passwords.workers.is_none(), "passwords.workers", "the number of cores", workers.into());
        derived
    }
}
