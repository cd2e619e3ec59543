use async_graphql::SimpleObject;

use crate::config::Config;

/// What a sign-in form must know before anyone is signed in.
#[derive(SimpleObject)]
pub(super) struct Server {
    /// The release of Portcullis.
    version: &'static str,
    /// Whether anybody may register.
    registration_open: bool,
    /// What a new password must be like.
    password_policy: PasswordPolicy,
}

/// What a new password must be like. One that is easy to guess is refused besides.
#[derive(SimpleObject)]
struct PasswordPolicy {
    /// The fewest characters.
    min_length: i32,
    /// The most characters.
    max_length: i32,
}

impl Server {
    pub(super) fn new(config: &Config) -> Self {
        let length = |length| i32::try_from(length).unwrap_or(i32::MAX);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            registration_open: config.accounts.registration_open,
            password_policy: PasswordPolicy {
                min_length: length(config.passwords.min_length),
                max_length: length(config.passwords.max_length),
            },
        }
    }
}
