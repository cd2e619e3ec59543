//! Portcullis as its clients see it: over HTTP, on SQLite, and on PostgreSQL where `TEST_DATABASE_URL`
//! names one.

mod support;

mod accounts;
mod attacks;
mod schema;
