use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Whether the error means that the database is away or overloaded, so that waiting helps.
#[must_use]
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => is_lost(error),
        _ => false,
    }
}

fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL: connection exceptions, insufficient resources, operator intervention,
        // serialization failure, deadlock. SQLite: busy and locked.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || ["40001", "40P01", "5", "6", "261", "517"].contains(&&*code)
        }),
        _ => false,
    }
}

/// What a statement broke, where it broke a unique index: the text names the index (PostgreSQL) or
/// its columns (SQLite).
#[must_use]
pub fn broken_constraint(error: &DbErr) -> Option<String> {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(text)) => Some(text),
        _ => None,
    }
}

/// The text of an error for people: the database's own message, without the names and lines of a library's source.
#[must_use]
pub fn reason(error: &DbErr) -> String {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => match error.as_database_error() {
            Some(error) => error.message().to_owned(),
            None => error.to_string(),
        },
        DbErr::Migration(text) | DbErr::Custom(text) => text.clone(),
        error => error.to_string(),
    }
}
