use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, MailTransport, ensure, ensure_between};

/// `[accounts]`: registration, usernames, the roles of new accounts, and what accounts do by e-mail.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct AccountsConfig {
    /// Whether anyone may register. If `false`, only administrators create accounts.
    pub registration_open: bool,
    /// The roles of an account that registers, or that `portcullis users create` creates without `--role`.
    pub default_roles: Vec<String>,
    /// Whether an account that registers has a username besides its e-mail address.
    pub username: UsernamePolicy,
    /// The signs that a new username may contain besides letters and digits. Existing usernames stay valid.
    pub username_characters: String,
    /// The time for which a user can undo the deletion of their account by signing in. Zero deletes it at once.
    #[serde(with = "super::duration")]
    pub delete_after: Duration,
    /// The age of a login after which a user must prove again who they are before they change their e-mail address, because
    /// its owner can set a new password. Zero permits the change with every valid access token.
    #[serde(with = "super::duration")]
    pub step_up_after: Duration,
    /// The reserved usernames. Registration refuses them, and names that look like them.
    pub reserved_names: Vec<String>,
    /// Whether a user must have verified an e-mail address before they can sign in. Registration then requires an
    /// address, and does not reveal whether another account has it. Accounts without an address, which administrators
    /// have created, are exempt.
    pub verify_before_sign_in: bool,
    /// The time after which an account that registered with an address is deleted, if the address was never verified and
    /// the account was never used (`verify_before_sign_in`). Accounts that administrators have created stay. Zero keeps
    /// all accounts.
    #[serde(with = "super::duration")]
    pub unverified_lifetime: Duration,
    /// Whether users may sign in with a link or a code that is sent to their e-mail address, without a password.
    pub email_sign_in: bool,
    /// Whether a user receives a notice of a sign-in from a device or a network that the account was not used from
    /// recently.
    pub notify_new_device: bool,
    /// The time for which a link or a code can verify an address.
    #[serde(with = "super::duration")]
    pub verify_email_ttl: Duration,
    /// The time for which a link or a code can set a new password.
    #[serde(with = "super::duration")]
    pub reset_password_ttl: Duration,
    /// The time for which a link or a code can sign in.
    #[serde(with = "super::duration")]
    pub email_sign_in_ttl: Duration,
    /// The time for which an invitation can be accepted.
    #[serde(with = "super::duration")]
    pub invitation_ttl: Duration,
    /// The time for which a change of the address can be undone from the previous address.
    #[serde(with = "super::duration")]
    pub undo_email_change_ttl: Duration,
    /// The pages of your application to which the links in messages lead.
    pub links: LinksConfig,
}

/// `[accounts.links]`: URL templates with `{token}`. Put the token into the fragment (after `#`), so that no log of a
/// web server and no Referer header contains it. Without a template, the link leads to a page of this server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LinksConfig {
    /// The URL of your application, to which the pages of the server lead when they are done.
    pub application: Option<String>,
    /// The page that verifies an address.
    pub verify_email: Option<String>,
    /// The page on which a user sets a new password.
    pub reset_password: Option<String>,
    /// The page that signs in.
    pub sign_in: Option<String>,
    /// The page on which an invited user sets a password.
    pub invitation: Option<String>,
    /// The page that undoes a change of the address.
    pub undo_email_change: Option<String>,
}

/// Whether an account that registers has a username besides its e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum UsernamePolicy {
    /// A username is required.
    #[default]
    Required,
    /// Without a username, the e-mail address is the username. A username that a user chooses has no `@`.
    Optional,
    /// The e-mail address is the username.
    Email,
}

/// The maximum number of reserved names, because each registration is compared with all of them.
const MAX_RESERVED_NAMES: usize = 1000;

/// The names that people take for those of the operator, and the addresses of RFC 2142.
const RESERVED_NAMES: [&str; 16] = [
    "abuse",
    "admin",
    "administrator",
    "help",
    "hostmaster",
    "moderator",
    "no-reply",
    "noreply",
    "official",
    "postmaster",
    "root",
    "security",
    "support",
    "sysadmin",
    "system",
    "webmaster",
];

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            registration_open: true,
            default_roles: vec!["user".to_owned()],
            username: UsernamePolicy::Required,
            username_characters: "._-+@".to_owned(),
            delete_after: Duration::ZERO,
            step_up_after: Duration::from_mins(15),
            reserved_names: RESERVED_NAMES.map(ToOwned::to_owned).into(),
            verify_before_sign_in: false,
            unverified_lifetime: Duration::from_hours(7 * 24),
            email_sign_in: false,
            notify_new_device: false,
            verify_email_ttl: Duration::from_hours(24),
            reset_password_ttl: Duration::from_mins(30),
            email_sign_in_ttl: Duration::from_mins(15),
            invitation_ttl: Duration::from_hours(72),
            undo_email_change_ttl: Duration::from_hours(72),
            links: LinksConfig::default(),
        }
    }
}

impl AccountsConfig {
    pub(super) fn check(&self, transport: MailTransport) -> Result<(), InvalidValue> {
        self.check_usernames()?;
        ensure(
            !self.verify_before_sign_in || transport != MailTransport::Off,
            "accounts.verify_before_sign_in",
            "must be false if mail.transport is \"off\", because nobody could verify an address",
        )?;
        let year = Duration::from_hours(365 * 24);
        ensure_between(self.delete_after, Duration::ZERO, year, "accounts.delete_after")?;
        ensure_between(self.unverified_lifetime, Duration::ZERO, year, "accounts.unverified_lifetime")?;
        ensure_between(self.step_up_after, Duration::ZERO, year, "accounts.step_up_after")?;
        let (minute, month) = (Duration::from_mins(1), Duration::from_hours(30 * 24));
        for (ttl, key) in [
            (self.verify_email_ttl, "accounts.verify_email_ttl"),
            (self.reset_password_ttl, "accounts.reset_password_ttl"),
            (self.email_sign_in_ttl, "accounts.email_sign_in_ttl"),
            (self.invitation_ttl, "accounts.invitation_ttl"),
            (self.undo_email_change_ttl, "accounts.undo_email_change_ttl"),
        ] {
            ensure_between(ttl, minute, month, key)?;
        }
        let links = &self.links;
        ensure(
            links.application.as_deref().is_none_or(is_page),
            "accounts.links.application",
            "must be an http or https URL, such as \"https://app.example.com/\"",
        )?;
        for (link, key) in [
            (&links.verify_email, "accounts.links.verify_email"),
            (&links.reset_password, "accounts.links.reset_password"),
            (&links.sign_in, "accounts.links.sign_in"),
            (&links.invitation, "accounts.links.invitation"),
            (&links.undo_email_change, "accounts.links.undo_email_change"),
        ] {
            let expected = "must be an http or https URL that contains `{token}` once, such as \
                            \"https://app.example.com/verify#{token}\"";
            ensure(link.as_deref().is_none_or(is_link), key, expected)?;
        }
        Ok(())
    }
}

impl AccountsConfig {
    fn check_usernames(&self) -> Result<(), InvalidValue> {
        ensure(
            self.username_characters.chars().all(|c| c.is_ascii_punctuation()),
            "accounts.username_characters",
            "must be ASCII punctuation; letters and digits are always permitted",
        )?;
        ensure(
            self.reserved_names.len() <= MAX_RESERVED_NAMES,
            "accounts.reserved_names",
            format!("must have at most {MAX_RESERVED_NAMES} names"),
        )?;
        ensure(
            self.reserved_names.iter().all(|name| (1..=64).contains(&name.chars().count())),
            "accounts.reserved_names",
            "must be names of 1 to 64 characters",
        )
    }
}

/// Whether a text is the URL of a page, written so that it can be the value of an HTML attribute.
fn is_page(text: &str) -> bool {
    let is_web = |url: url::Url| matches!(url.scheme(), "http" | "https");
    !text.contains(['"', '\'', '<', '>']) && text.parse().is_ok_and(is_web)
}

/// Whether a text is the template of a link.
fn is_link(template: &str) -> bool {
    let is_web = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    template.matches("{token}").count() == 1
        && !template.contains(|c: char| c.is_whitespace() || c.is_control())
        && template.split_once("{token}").is_some_and(|(before, _)| before.parse().is_ok_and(is_web))
}
