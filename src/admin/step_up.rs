use super::{Admin, AdminError};
use crate::{audit::Actor, config::AuthenticationClass::Aal1, tokens::TWO_FACTORS};

impl Admin {
    /// Checks that the login of the actor is as recent and as strong as the configuration requires (step-up
    /// authentication, RFC 9470).
    ///
    /// A personal access token has no login. Its owner has created it after a recent one, and it is limited by its scopes
    /// and its lifetime, so it is accepted unless two factors are required: those only a person can prove.
    pub(super) fn ensure_login(&self, actor: Actor<'_>) -> Result<(), AdminError> {
        let Actor::Bearer { claims, token, .. } = actor else { return Ok(()) };
        let max_age = self.config.admin.recent_login;
        let needs_two_factors = self.config.admin.acr != Aal1;
        if claims.is_personal_access_token() {
            return if needs_two_factors { Err(AdminError::SessionRequired) } else { Ok(()) };
        }
        let is_recent =
            max_age.is_zero() || token.is_some_and(|token| token.is_login_within(claims, max_age));
        if is_recent && (!needs_two_factors || claims.has_authentication_class(TWO_FACTORS)) {
            return Ok(());
        }
        let seconds = u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX);
        Err(AdminError::InsufficientLogin {
            max_age_seconds: Some(seconds).filter(|seconds| *seconds > 0),
            acr: needs_two_factors.then_some(TWO_FACTORS),
        })
    }
}
