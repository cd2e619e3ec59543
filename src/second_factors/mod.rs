//! Second factors: passkeys, authenticator apps (TOTP), recovery codes, and codes by e-mail.
//!
//! Invariants: an account with a factor signs in with two; a code counts once; each attempt counts for the account,
//! whichever factor, challenge or server it was made with; a secret is stored encrypted, and a recovery code as a hash.

mod challenge;
mod check;
mod enrol;
mod error;
mod missing;
mod passkey;
mod recovery_code;
mod required;
mod store;
mod totp;

pub mod graphql;

use std::sync::Arc;

use sea_orm::DbErr;

pub use self::{
    challenge::{Challenge, PendingSignIn},
    check::Factor,
    enrol::StartedTotp,
    error::FactorError,
    required::ProvenFactor,
};
use crate::{
    accounts::Accounts,
    audit::Audit,
    changes::ChangeFeed,
    clock::{Clock, Timestamp},
    config::Config,
    database::Database,
    id::UserId,
    limits::Throttle,
    mail::Mail,
    passkeys::Passkeys,
    proofs::Proofs,
    secret::Sealers,
    sessions::Sessions,
};

/// The service for second factors.
#[derive(Clone)]
pub struct SecondFactors {
    /// The database.
    pub(crate) database: Database,
    /// The clock.
    pub(crate) clock: Clock,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The session service.
    pub(crate) sessions: Sessions,
    /// The passkey service.
    pub(crate) passkeys: Passkeys,
    /// The proofs of e-mail addresses, for codes by e-mail.
    pub(crate) proofs: Proofs,
    /// The throttle for codes.
    pub(crate) throttle: Throttle,
    /// The outbox, which has the name of the service.
    pub(crate) mail: Mail,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The configuration, which permits codes by e-mail.
    pub(crate) config: Arc<Config>,
    /// The change feed.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The encryption of the secrets of authenticator apps.
    pub(crate) sealers: Arc<Sealers>,
}

/// The authenticator app of an account.
#[derive(Clone, Copy, Debug)]
pub struct TotpInfo {
    /// The time at which its first code was confirmed.
    pub created_at: Timestamp,
    /// The time of the last code. `None` if none was used after the first one.
    pub last_used_at: Option<Timestamp>,
}

/// The recovery codes of an account.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryCodesInfo {
    /// The number of codes in the set.
    pub total: usize,
    /// The number of unused codes.
    pub remaining: usize,
    /// The time at which the set was created.
    pub created_at: Timestamp,
}

impl SecondFactors {
    /// The authenticator app of an account. `None` if it has no confirmed one.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn totp(&self, user: UserId) -> Result<Option<TotpInfo>, DbErr> {
        let row = store::totp::confirmed(self.database.reader(), user).await?;
        Ok(row.map(|row| TotpInfo {
            created_at: row.confirmed_at.unwrap_or(row.created_at),
            last_used_at: row.last_used_at,
        }))
    }

    /// The recovery codes of an account. `None` if it has no set.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn recovery_codes(&self, user: UserId) -> Result<Option<RecoveryCodesInfo>, DbErr> {
        let codes = store::recovery_code::list(self.database.reader(), user).await?;
        Ok(codes.first().map(|first| RecoveryCodesInfo {
            total: codes.len(),
            remaining: codes.iter().filter(|code| is_unused(code)).count(),
            created_at: first.created_at.0,
        }))
    }

    /// Deletes expired challenges, at most `batch`. Returns their number.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::challenge::delete_expired(self.database.writer(), self.clock.now(), batch).await
    }
}

const fn is_unused(code: &store::recovery_code::RecoveryCodeRow) -> bool {
    code.used_at.is_none()
}
