//! Portcullis as its clients see it, over HTTP, and as its operators do, on the command line: on SQLite,
//! and on PostgreSQL where `TEST_DATABASE_URL` names one.

mod support;

mod accounts;
mod at_rest;
mod attacks;
mod bearer;
mod cli;
mod config;
mod cookies;
mod crash;
mod documents;
mod faults;
mod guards;
mod hostile;
mod http;
mod introspection;
mod last_admin;
mod library;
mod list_filters;
mod lists;
mod outage;
mod pages;
mod plans;
mod privileges;
mod profile;
mod refresh;
mod replicas;
mod schema;
mod sessions;
mod tampering;
mod timing;
mod tokens;
mod user_errors;
mod voided;
