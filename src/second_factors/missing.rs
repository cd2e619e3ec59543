use sea_orm::{ConnectionTrait, DbErr};

use super::{SecondFactors, is_unused, store};
use crate::{
    accounts::Account,
    id::UserId,
    sessions::{AuthenticationMethod, has_two_factors},
};

impl SecondFactors {
    /// The factors of an account, as the ways in which its user can prove them, the strongest first. Empty if the
    /// account has none: recovery codes alone are no factor.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn methods(
        &self,
        db: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<Vec<AuthenticationMethod>, DbErr> {
        let mut methods = Vec::new();
        if self.passkeys.has_any(db, user).await? {
            methods.push(AuthenticationMethod::Passkey);
        }
        if store::totp::confirmed(db, user).await?.is_some() {
            methods.push(AuthenticationMethod::Totp);
        }
        if !methods.is_empty() && store::recovery_code::list(db, user).await?.iter().any(is_unused) {
            methods.push(AuthenticationMethod::RecoveryCode);
        }
        Ok(methods)
    }

    /// As [`SecondFactors::methods`], outside of a transaction.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn methods_of(&self, user: UserId) -> Result<Vec<AuthenticationMethod>, DbErr> {
        self.methods(self.database.reader(), user).await
    }

    /// The ways to complete the sign-in of a user who has proven these methods, the strongest first. Empty if nothing is
    /// missing.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn missing(
        &self,
        db: &impl ConnectionTrait,
        account: &Account,
        proven: &[AuthenticationMethod],
    ) -> Result<Vec<AuthenticationMethod>, DbErr> {
        if has_two_factors(proven) || (proven.len() > 1 && proven.contains(&AuthenticationMethod::EmailCode))
        {
            return Ok(Vec::new());
        }
        let mut methods = self.methods(db, account.id).await?;
        if !methods.is_empty() && self.permits_email_code(account, proven) {
            methods.push(AuthenticationMethod::EmailCode);
        }
        Ok(methods)
    }

    /// Whether a code by e-mail may take the place of the factor of an account. Not if the sign-in began with a message
    /// to the same mailbox.
    pub(super) fn permits_email_code(&self, account: &Account, proven: &[AuthenticationMethod]) -> bool {
        self.config.factors.email_codes
            && self.mail.is_on()
            && account.email_verified
            && proven == [AuthenticationMethod::Password]
    }
}
