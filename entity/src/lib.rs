//! The tables of Portcullis, one file each. Rows only: no rules, no API types.
//!
//! Times are stored as milliseconds since the Unix epoch, so that both databases compare them alike.

#![forbid(unsafe_code)]

pub mod audit_event;
pub mod change;
pub mod server;
pub mod session;
pub mod signing_key;
pub mod task_run;
pub mod throttle;
pub mod user;
pub mod user_role;
