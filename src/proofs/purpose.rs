use std::time::Duration;

use crate::{
    config::{AccountsConfig, LinksConfig},
    mail::MessageKind,
};

/// The time for a code by e-mail that takes the place of a second factor. The sign-in must be completed in the same time.
const SECOND_FACTOR_TTL: Duration = Duration::from_mins(5);

/// The permitted use of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Verifying the address.
    VerifyEmail,
    /// Setting a new password.
    ResetPassword,
    /// Signing in.
    SignIn,
    /// Proving a second factor, or again that one is the user of a session. The message has no link.
    SecondFactor,
    /// Setting the first password of an account that an administrator has created.
    Invitation,
    /// Restoring the address that an account had before.
    UndoEmailChange,
}

impl Purpose {
    /// The name in the database.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::SignIn => "sign_in",
            Self::SecondFactor => "second_factor",
            Self::Invitation => "invitation",
            Self::UndoEmailChange => "undo_email_change",
        }
    }

    /// The message that carries the link.
    pub(super) const fn message(self) -> MessageKind {
        match self {
            Self::VerifyEmail => MessageKind::VerifyEmail,
            Self::ResetPassword => MessageKind::ResetPassword,
            Self::SignIn => MessageKind::SignIn,
            Self::SecondFactor => MessageKind::SecondFactorCode,
            Self::Invitation => MessageKind::Invitation,
            Self::UndoEmailChange => MessageKind::EmailChanged,
        }
    }

    /// Whether the message has a code beside the link. A client that has requested the message can hold a challenge; the
    /// other messages reach people who have requested nothing.
    pub(super) const fn has_code(self) -> bool {
        matches!(self, Self::VerifyEmail | Self::ResetPassword | Self::SignIn | Self::SecondFactor)
    }

    /// Whether a newer proof voids the older ones. Each previous address of an account can undo its own change.
    pub(super) const fn is_replaced_by_newer(self) -> bool {
        !matches!(self, Self::UndoEmailChange)
    }

    /// The time until link and code expire.
    pub(super) const fn lifetime(self, config: &AccountsConfig) -> Duration {
        match self {
            Self::VerifyEmail => config.verify_email_ttl,
            Self::ResetPassword => config.reset_password_ttl,
            Self::SignIn => config.email_sign_in_ttl,
            Self::SecondFactor => SECOND_FACTOR_TTL,
            Self::Invitation => config.invitation_ttl,
            Self::UndoEmailChange => config.undo_email_change_ttl,
        }
    }

    /// The configured template of the link, and the path of the page that the server serves without one. `None` if the
    /// message has no link.
    pub(super) fn link(self, links: &LinksConfig) -> Option<(Option<&str>, &'static str)> {
        let (template, path) = match self {
            Self::VerifyEmail => (&links.verify_email, "/account/verify-email"),
            Self::ResetPassword => (&links.reset_password, "/account/reset-password"),
            Self::SignIn => (&links.sign_in, "/account/sign-in"),
            Self::SecondFactor => return None,
            Self::Invitation => (&links.invitation, "/account/invitation"),
            Self::UndoEmailChange => (&links.undo_email_change, "/account/undo-email-change"),
        };
        Some((template.as_deref(), path))
    }
}
