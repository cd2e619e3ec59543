//! Portcullis as its clients see it: over HTTP, on SQLite, and on PostgreSQL where `TEST_DATABASE_URL`
//! names one.

mod support;

mod accounts;
mod attacks;
mod bearer;
mod documents;
mod guards;
mod hostile;
mod http;
mod introspection;
mod last_admin;
mod list_filters;
mod lists;
mod pages;
mod privileges;
mod profile;
mod schema;
mod user_errors;
