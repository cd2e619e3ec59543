use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Database;

/// A snapshot of PostgreSQL: the transactions whose rows were visible at some time. The `position` of a row is the id
/// of the transaction that wrote it. Transactions do not commit in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The lowest id of a transaction in progress. All transactions with a lower id had been committed or rolled back.
    pub xmin: i64,
    /// The first id that was not assigned yet. No row with this or a higher position was visible.
    pub xmax: i64,
    /// The ids from `xmin` to `xmax` of transactions in progress, whose rows were not visible.
    pub in_progress: Vec<i64>,
}

impl Database {
    /// The present snapshot. `None` on SQLite, which has only one writer, so that rows appear in the order of their
    /// positions.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let sql = "SELECT pg_current_snapshot()::text AS snapshot";
        let row = self.0.reader.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let text: Option<String> = row.map(|row| row.try_get("", "snapshot")).transpose()?;
        let snapshot = text.and_then(|text| Snapshot::parse(&text));
        snapshot.map(Some).ok_or_else(|| DbErr::Custom("the database did not return its snapshot".to_owned()))
    }
}

impl Snapshot {
    /// Parses `xmin:xmax:xip,…` (documentation of PostgreSQL, §9.27.7).
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut number = || parts.next()?.parse().ok();
        let (xmin, xmax) = (number()?, number()?);
        let in_progress = parts.next()?.split(',').filter(|id| !id.is_empty());
        let in_progress = in_progress.map(|id| id.parse().ok()).collect::<Option<_>>()?;
        Some(Self { xmin, xmax, in_progress })
    }

    /// Whether a row with this position can have been written by this PostgreSQL cluster.
    #[must_use]
    pub fn is_before_xmax(&self, position: i64) -> bool {
        position < self.xmax
    }

    /// Whether rows with this position were visible.
    #[must_use]
    pub fn is_visible(&self, position: i64) -> bool {
        position < self.xmax && !self.in_progress.contains(&position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_committed_transactions_are_visible_in_any_order() {
        let snapshot = Snapshot::parse("10:20:10,14").expect("a snapshot");
        assert_eq!(snapshot.xmin, 10);
        let visible: Vec<_> = (8..22).filter(|position| snapshot.is_visible(*position)).collect();
        assert_eq!(visible, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(Snapshot::parse("10:10:").map(|snapshot| snapshot.in_progress), Some(vec![]));
        assert_eq!(Snapshot::parse("10:x:"), None);
    }
}
