use async_graphql::{Context, Enum, Object, SimpleObject};

use crate::{config::Config, graphql::guarded, sessions::AuthenticationMethod};

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
    /// Whether users verify their e-mail address.
    email_verification: EmailVerificationPolicy,
    /// The ways to sign in.
    authentication_methods: Vec<AuthenticationMethod>,
}

/// Whether users verify their e-mail address.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum EmailVerificationPolicy {
    /// The server sends no e-mail.
    Off,
    /// Users can verify their address.
    Optional,
    /// Users must verify their address before they can sign in.
    Required,
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
    pub(crate) fn new(config: &Config, sends_mail: bool) -> Self {
        let length = |length| i32::try_from(length).unwrap_or(i32::MAX);
        let email_verification = match (sends_mail, config.accounts.verify_before_sign_in) {
            (_, true) => EmailVerificationPolicy::Required,
            (true, false) => EmailVerificationPolicy::Optional,
            (false, false) => EmailVerificationPolicy::Off,
        };
        let mut authentication_methods = vec![AuthenticationMethod::Password];
        if sends_mail && config.accounts.email_sign_in {
            authentication_methods.extend([AuthenticationMethod::EmailLink, AuthenticationMethod::EmailCode]);
        }
        Self {
            email_verification,
            authentication_methods,
            version: env!("CARGO_PKG_VERSION"),
            registration_open: config.accounts.registration_open,
            password_policy: PasswordPolicy {
                min_length: length(config.passwords.min_length),
                max_length: length(config.passwords.max_length),
            },
        }
    }
}
