//! The tables of Portcullis, one file each. They contain rows only, without rules and API types.
//!
//! Times are stored as milliseconds since the Unix epoch, so that both databases compare them in the same way.

#![forbid(unsafe_code)]

pub mod audit_event;
pub mod change;
pub mod email_proof;
pub mod outgoing_message;
pub mod passkey;
pub mod personal_access_token;
pub mod recovery_code;
pub mod server;
pub mod session;
pub mod sign_in_challenge;
pub mod signing_key;
pub mod suppressed_address;
pub mod task_run;
pub mod throttle;
pub mod token_status;
pub mod totp_secret;
pub mod trusted_device;
pub mod used_challenge;
pub mod user;
pub mod user_role;
