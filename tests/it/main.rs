//! Portcullis as its clients see it, over HTTP, and as its operators do, on the command line: on SQLite,
//! and on PostgreSQL where `TEST_DATABASE_URL` names one.

mod support;

mod accounts;
mod at_rest;
mod attacks;
mod audit;
mod batches;
mod bearer;
mod cli;
mod config;
mod connections;
mod cookies;
mod documents;
mod error_contract;
mod faults;
mod floods;
mod guards;
mod guessing;
mod headers;
mod hostile;
mod http;
mod introspection;
mod key_kinds;
mod keys;
mod last_admin;
mod library;
mod list_filters;
mod lists;
mod master_secret;
mod origins;
mod outage;
mod pages;
mod privileges;
mod profile;
mod refresh;
mod replicas;
mod schema;
mod secrets;
mod sessions;
mod tampering;
mod tokens;
mod user_errors;
mod voided;
