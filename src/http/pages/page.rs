use crate::config::LinksConfig;

/// A page that the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Verifies an address.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Requests a message to reset a password, and sets the password with the code of the message.
    ForgotPassword,
    /// Signs in.
    SignIn,
    /// Sets the password of an account that an administrator has created.
    Invitation,
    /// Restores the previous address of an account.
    UndoEmailChange,
}

impl Page {
    /// All pages.
    pub(crate) const ALL: [Self; 6] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::ForgotPassword,
        Self::SignIn,
        Self::Invitation,
        Self::UndoEmailChange,
    ];

    /// The name of the page, which is also the last segment of its path.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
            Self::ForgotPassword => "forgot-password",
            Self::SignIn => "sign-in",
            Self::Invitation => "invitation",
            Self::UndoEmailChange => "undo-email-change",
        }
    }

    /// Whether the server has this page: whether no template leads to a page of an application in its place.
    pub(crate) const fn is_served(self, links: &LinksConfig) -> bool {
        let template = match self {
            Self::VerifyEmail => &links.verify_email,
            Self::ResetPassword | Self::ForgotPassword => &links.reset_password,
            Self::SignIn => &links.sign_in,
            Self::Invitation => &links.invitation,
            Self::UndoEmailChange => &links.undo_email_change,
        };
        template.is_none()
    }
}
