use std::ops::Bound;

use super::{Direction, PageRequest, connection::MAX_PAGE};

impl<K> PageRequest<K> {
    /// The rows of a whole list, at most `most` of them, read page by page. `read` gives the rows of a page as it
    /// does for [`PageRequest::read`], and `key` the place of a row.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn read_all<Row, Error, Reading>(
        most: usize,
        key: impl Fn(&Row) -> K,
        read: impl Fn(Self) -> Reading,
    ) -> Result<Vec<Row>, Error>
    where
        Reading: Future<Output = Result<Vec<Row>, Error>>,
    {
        let mut rows = Vec::new();
        let mut after = Bound::Unbounded;
        while rows.len() < most {
            let count = MAX_PAGE.min(most - rows.len());
            let page = Self { direction: Direction::Forward, count, after, before: Bound::Unbounded };
            let mut page = read(page).await?;
            let has_more = page.len() > count;
            page.truncate(count);
            after = page.last().map_or(Bound::Unbounded, |last| Bound::Excluded(key(last)));
            rows.extend(page);
            if !has_more {
                break;
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers below `all`, up to `most`, read as a list is.
    async fn read(all: u32, most: usize) -> Vec<u32> {
        let read = |page: PageRequest<u32>| async move {
            let Bound::Excluded(after) = page.after else {
                return Ok((0..all).take(page.count + 1).collect());
            };
            Ok::<Vec<u32>, ()>((after + 1..all).take(page.count + 1).collect())
        };
        PageRequest::read_all(most, |row| *row, read).await.expect("reading cannot fail")
    }

    #[tokio::test]
    async fn every_row_is_read_once_or_the_first_that_are_wanted() {
        for all in [0, 1, 99, 100, 101, 200, 201, 250] {
            for most in [0, 1, 100, 101, 230, usize::MAX] {
                let wanted: Vec<u32> = (0..all).take(most).collect();
                assert_eq!(read(all, most).await, wanted, "{most} of {all}");
            }
        }
    }
}
