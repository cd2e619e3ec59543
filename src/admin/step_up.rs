use super::{Admin, AdminError};
use crate::{
    audit::Actor,
    config::AuthenticationClass::{Aal1, Aal2},
};

impl Admin {
    /// Checks that the login of the actor is as recent and as strong as the configuration requires (step-up
    /// authentication, RFC 9470).
    ///
    /// A personal access token has no login. Its owner has created it after a recent one, and it is limited by its scopes
    /// and its lifetime, so it is accepted unless two factors are required: those only a person can prove.
    pub(super) fn ensure_login(&self, actor: Actor<'_>) -> Result<(), AdminError> {
        let Actor::Bearer { claims, token, .. } = actor else { return Ok(()) };
        let (max_age, acr) = (self.config.admin.recent_login, self.config.admin.acr);
        if claims.is_personal_access_token() {
            return if acr == Aal1 { Ok(()) } else { Err(AdminError::SessionRequired) };
        }
        let is_recent =
            max_age.is_zero() || token.is_some_and(|token| token.is_login_within(claims, max_age));
        if is_recent && (acr == Aal1 || claims.has_authentication_class(acr.name())) {
            return Ok(());
        }
        let seconds = u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
        Err(AdminError::InsufficientLogin {
            max_age_seconds: Some(seconds).filter(|seconds| *seconds > 0),
            acr: (acr == Aal2).then(|| acr.name()),
        })
    }
}
