use async_graphql::{Context, Object, SimpleObject};

use crate::{config::Config, graphql::guarded};

/// The queries whose response does not depend on the caller.
pub(super) const PUBLIC_FIELDS: [&str; 1] = ["server"];

/// The query for the settings of the server.
#[derive(Default)]
pub(super) struct ServerQuery;

#[guarded]
#[Object]
impl ServerQuery {
    /// Public settings of the server: version, whether registration is open, and the password policy. No
    /// sign-in is needed.
    async fn server<'a>(&self, ctx: &Context<'a>) -> &'a ServerInfo {
        ctx.data_unchecked::<ServerInfo>()
    }
}

/// Public settings of the server, which a sign-in form needs before a user has signed in.
#[derive(SimpleObject)]
#[graphql(name = "Server")]
pub(crate) struct ServerInfo {
    /// The version of Portcullis that is running.
    version: &'static str,
    /// Whether anyone can register an account.
    registration_open: bool,
    /// The rules for new passwords.
    password_policy: PasswordPolicy,
}

/// The rules for new passwords. A password that is easy to guess is rejected as well.
#[derive(SimpleObject)]
struct PasswordPolicy {
    /// The minimum length, in characters.
    min_length: i32,
    /// The maximum length, in characters.
    max_length: i32,
}

impl ServerInfo {
    pub(crate) fn new(config: &Config) -> Self {
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
