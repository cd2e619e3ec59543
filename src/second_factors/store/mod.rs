//! The rows of second factors.

pub(super) mod challenge;
pub(super) mod recovery_code;
pub(super) mod totp;
