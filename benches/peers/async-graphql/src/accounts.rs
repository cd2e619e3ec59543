use std::{error::Error, fs};

use async_graphql::SimpleObject;
use serde::Deserialize;
use sqlx::{
    AssertSqlSafe, FromRow, Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow},
};

const COLUMNS: &str = "id, username, password_hash, email, display_name, roles, created_at";

/// An account.
#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[graphql(name = "User")]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) username: String,
    #[graphql(skip)]
    pub(crate) password_hash: String,
    email: Option<String>,
    display_name: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) created_at: String,
}

impl FromRow<'_, SqliteRow> for Account {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let roles = serde_json::from_str(row.try_get("roles")?);
        Ok(Self {
            id: row.try_get("id")?,
            username: row.try_get("username")?,
            password_hash: row.try_get("password_hash")?,
            email: row.try_get("email")?,
            display_name: row.try_get("display_name")?,
            roles: roles.map_err(|error| sqlx::Error::Decode(error.into()))?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// The accounts in the database.
pub(crate) struct Accounts(SqlitePool);

impl Accounts {
    /// Opens the database, and fills it from `file` if it is empty.
    pub(crate) async fn open(database: &str, file: &str) -> Result<Self, Box<dyn Error>> {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new().max_connections(10).connect_with(options).await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, \
             password_hash TEXT NOT NULL, email TEXT, display_name TEXT, roles TEXT NOT NULL, \
             created_at TEXT NOT NULL); CREATE INDEX IF NOT EXISTS users_by_age ON users (created_at, id)",
        )
        .execute(&pool)
        .await?;
        let accounts = Self(pool);
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&accounts.0).await?;
        if count == 0 {
            accounts.fill(&fs::read_to_string(file)?).await?;
        }
        Ok(accounts)
    }

    async fn fill(&self, lines: &str) -> Result<(), Box<dyn Error>> {
        let mut transaction = self.0.begin().await?;
        for line in lines.lines() {
            let account: Account = serde_json::from_str(line)?;
            sqlx::query("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(account.id)
                .bind(account.username)
                .bind(account.password_hash)
                .bind(account.email)
                .bind(account.display_name)
                .bind(serde_json::to_string(&account.roles)?)
                .bind(account.created_at)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn find(&self, username: &str) -> sqlx::Result<Option<Account>> {
        let sql = format!("SELECT {COLUMNS} FROM users WHERE username = ?");
        sqlx::query_as(AssertSqlSafe(sql)).bind(username).fetch_optional(&self.0).await
    }

    /// At most `count` accounts, the newest first, after the account with the time and the ID of `after`.
    pub(crate) async fn list(&self, count: i64, after: Option<(&str, &str)>) -> sqlx::Result<Vec<Account>> {
        let (created_at, id) = after.unwrap_or(("~", ""));
        let sql = format!(
            "SELECT {COLUMNS} FROM users WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
        );
        sqlx::query_as(AssertSqlSafe(sql)).bind(created_at).bind(id).bind(count).fetch_all(&self.0).await
    }
}
