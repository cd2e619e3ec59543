use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Whether the database is unreachable or overloaded, so that a retry may succeed.
#[must_use]
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => is_transient(error),
        _ => false,
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
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

/// The unique index that a statement violated. The text contains the name of the index (PostgreSQL) or of its columns
/// (SQLite). `None` for other errors.
#[must_use]
pub fn violated_constraint(error: &DbErr) -> Option<String> {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(text)) => Some(text),
        _ => None,
    }
}

/// The message of an error for operators: the message of the database itself, without details of the libraries.
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
