use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Database;

/// What of the rows with a `position` is to be seen on PostgreSQL at some time. There a position is the id of the
/// transaction that wrote the row, and these do not commit in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The first position at which rows may still appear. What lies before is settled, for whoever asks later too.
    pub first_open: i64,
    /// From this position on nothing is there yet.
    pub end: i64,
    /// The positions between them at which nothing is there yet.
    pub open: Vec<i64>,
}

impl Database {
    /// What is to be seen now. None on SQLite, which has one writer: every row that is there is settled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let sql = "SELECT pg_current_snapshot()::text AS snapshot";
        let row = self.reader.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let text: Option<String> = row.map(|row| row.try_get("", "snapshot")).transpose()?;
        let snapshot = text.and_then(|text| Snapshot::parse(&text));
        snapshot
            .map(Some)
            .ok_or_else(|| DbErr::Custom("the database does not say what is settled".to_owned()))
    }
}

impl Snapshot {
    /// Reads `xmin:xmax:xip,…` (PostgreSQL's documentation, §9.27.7).
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut number = || parts.next()?.parse().ok();
        let (first_open, end) = (number()?, number()?);
        let open = parts.next()?.split(',').filter(|id| !id.is_empty());
        Some(Self { first_open, end, open: open.map(|id| id.parse().ok()).collect::<Option<_>>()? })
    }

    /// Whether what has this position can have been written here.
    #[must_use]
    pub fn is_ahead_of(&self, position: i64) -> bool {
        position < self.end
    }

    /// Whether rows of this position could be seen.
    #[must_use]
    pub fn shows(&self, position: i64) -> bool {
        position < self.end && !self.open.contains(&position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_shows_what_was_committed_whatever_its_place() {
        let snapshot = Snapshot::parse("10:20:10,14").expect("a snapshot");
        assert_eq!(snapshot.first_open, 10);
        let shown: Vec<_> = (8..22).filter(|position| snapshot.shows(*position)).collect();
        assert_eq!(shown, [8, 9, 11, 12, 13, 15, 16, 17, 18, 19]);
        assert_eq!(Snapshot::parse("10:10:").map(|snapshot| snapshot.open), Some(vec![]));
        assert_eq!(Snapshot::parse("10:x:"), None);
    }
}
