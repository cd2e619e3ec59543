use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait, prelude::async_trait,
};

use super::{
    group::{GroupCommit, Kind},
    transaction::Transaction,
};

/// The connection for single statements that write. It implements SeaORM's [`ConnectionTrait`]; the change of a statement
/// is durable when its result is returned. On SQLite, statements that wait for each other share a commit.
#[derive(Clone, Debug)]
pub struct Writer(Connection);

#[derive(Clone, Debug)]
enum Connection {
    Postgres(DatabaseConnection),
    Sqlite(GroupCommit),
}

impl Writer {
    pub(super) fn postgres(connection: DatabaseConnection) -> Self {
        Self(Connection::Postgres(connection))
    }

    pub(super) fn sqlite(connection: DatabaseConnection) -> Self {
        Self(Connection::Sqlite(GroupCommit::new(connection)))
    }

    /// Begins a transaction. On PostgreSQL, all kinds are the same.
    pub(super) async fn begin(&self, kind: Kind) -> Result<Transaction, DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => Ok(Transaction::postgres(connection.begin().await?)),
            Connection::Sqlite(group) => Ok(Transaction::sqlite(group.begin(kind).await?)),
        }
    }

    /// Closes the connections, after `last` has used one of them.
    pub(super) async fn close(
        &self,
        last: impl AsyncFnOnce(&DatabaseConnection) -> Result<(), DbErr>,
    ) -> Result<(), DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => {
                last(connection).await?;
                connection.close_by_ref().await
            }
            Connection::Sqlite(group) => group.close(last).await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Writer {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Connection::Postgres(connection) => connection.get_database_backend(),
            Connection::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => connection.execute_raw(statement).await,
            Connection::Sqlite(group) => {
                let member = group.begin(Kind::Statement).await?;
                let result = member.connection().execute_raw(statement).await;
                member.end(result).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => connection.execute_unprepared(sql).await,
            Connection::Sqlite(group) => {
                // The text may have several statements.
                let member = group.begin(Kind::Shared).await?;
                let result = member.connection().execute_unprepared(sql).await;
                member.end(result).await
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => connection.query_one_raw(statement).await,
            Connection::Sqlite(group) => {
                let member = group.begin(Kind::Statement).await?;
                let result = member.connection().query_one_raw(statement).await;
                member.end(result).await
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Connection::Postgres(connection) => connection.query_all_raw(statement).await,
            Connection::Sqlite(group) => {
                let member = group.begin(Kind::Statement).await?;
                let result = member.connection().query_all_raw(statement).await;
                member.end(result).await
            }
        }
    }
}
