//! Trusted devices: browsers and apps on which a user has proven a second factor, and signs in without one for some time.
//!
//! Invariants: a device is trusted only by the second step of a sign-in, and only for the first step of one: never for a
//! password reset or re-authentication; its token is stored as a hash, and is worth nothing without the first factor; it
//! belongs to one account, one token version, and the factors of that time, so each change of these voids all devices of the
//! account; a session that is opened with it counts as one factor, proven when the device was trusted.

mod recognize;
mod revoke;
mod store;
mod trust;

pub mod graphql;

use std::sync::Arc;

use sea_orm::DbErr;

pub use self::trust::TrustedToken;
use crate::{
    accounts::{Account, Accounts},
    audit::Audit,
    changes::ChangeFeed,
    clock::{Clock, Timestamp},
    config::Config,
    database::Database,
    id::{TrustedDeviceId, UserId},
};

/// The maximum number of trusted devices of an account. Another one replaces the oldest.
const MAX_DEVICES: u64 = 20;

/// A trusted device.
#[derive(Clone, Debug)]
pub struct TrustedDevice {
    /// The identifier.
    pub id: TrustedDeviceId,
    /// The account.
    pub user: UserId,
    /// The User-Agent header of the last sign-in.
    pub user_agent: Option<String>,
    /// The client's address at the last sign-in.
    pub ip_address: Option<String>,
    /// The time at which the device was trusted, when its user proved a second factor.
    pub created_at: Timestamp,
    /// The time of the last sign-in without a second factor. `None` if there was none.
    pub last_used_at: Option<Timestamp>,
    /// The time from which on the device is no longer trusted.
    pub expires_at: Timestamp,
}

/// The service for trusted devices.
pub struct TrustedDevices {
    /// The database.
    pub(crate) database: Database,
    /// The clock.
    pub(crate) clock: Clock,
    /// The configuration, which sets the time for which a device is trusted.
    pub(crate) config: Arc<Config>,
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The change feed.
    pub(crate) feed: Arc<ChangeFeed>,
}

impl TrustedDevices {
    /// Lists the trusted devices of an account, newest first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list(&self, account: &Account) -> Result<Vec<TrustedDevice>, DbErr> {
        store::list(self.database.reader(), account, self.clock.now(), MAX_DEVICES).await
    }

    /// Deletes at most `batch` devices that are no longer trusted.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_expired(self.database.writer(), self.clock.now(), batch).await
    }

    /// Whether the server trusts devices.
    fn is_on(&self) -> bool {
        !self.config.factors.trusted_devices.is_zero()
    }
}
