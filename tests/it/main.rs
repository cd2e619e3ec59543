//! Portcullis as its clients see it, over HTTP, and as its operators do, on the command line: on SQLite,
//! and on PostgreSQL where `TEST_DATABASE_URL` names one.

mod support;

mod accounts;
mod at_rest;
mod attacks;
mod cli;
mod config;
mod cookies;
mod faults;
mod library;
mod outage;
mod refresh;
mod replicas;
mod schema;
mod sessions;
mod tampering;
mod tokens;
mod voided;
