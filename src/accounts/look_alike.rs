//! Usernames that look alike (UTS #39).
//!
//! A username is displayed as its owner writes it, and compared without regard to case. So it has two skeletons: `IBM`
//! looks like `lBM` as it is displayed, and `АDMIN` with a Cyrillic letter looks like `admin` in lower case. Two names
//! look alike if any of their skeletons are equal.

use sea_orm::{ConnectionTrait, DbErr};
use unicode_security::skeleton;

use super::{AccountError, Accounts, Username, store};
use crate::{database::lock_name, id::UserId};

/// The skeletons of a username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skeletons {
    /// The skeleton of the mapped form.
    pub(super) mapped: String,
    /// The skeleton of the displayed form.
    pub(super) displayed: String,
}

impl Skeletons {
    pub(super) fn of(username: &Username) -> Self {
        Self { mapped: lower_skeleton(username.key()), displayed: lower_skeleton(username.as_str()) }
    }

    /// The skeletons in a fixed order, without duplicates.
    pub(super) fn sorted(&self) -> Vec<&str> {
        let mut skeletons = vec![self.mapped.as_str(), self.displayed.as_str()];
        skeletons.sort_unstable();
        skeletons.dedup();
        skeletons
    }
}

/// The skeleton of a text in lower case, because names are compared without regard to case.
fn lower_skeleton(text: &str) -> String {
    skeleton(text).collect::<String>().to_lowercase()
}

/// Folds a skeleton further: `i`, `l` and `1` are one letter, and so are `o` and `0`. For the few reserved names, it does
/// no harm that this refuses more names than those that look alike.
fn fold(skeleton: &str) -> String {
    skeleton.replace('i', "l").replace('0', "o")
}

/// Whether a username is, or looks like, one of the reserved names.
pub(super) fn is_reserved(username: &Username, reserved: &[String]) -> bool {
    let skeletons = Skeletons::of(username);
    let own: Vec<String> = skeletons.sorted().into_iter().map(fold).collect();
    reserved.iter().any(|name| own.contains(&fold(&lower_skeleton(&name.to_lowercase()))))
}

impl Accounts {
    /// Returns an error if the username looks like that of another account than the owner's. Locks the skeletons until the transaction ends, so
    /// that of two transactions with names that look alike, the second one sees the account of the first. A unique index
    /// could not decide, because accounts of earlier releases and imported ones may look alike.
    pub(super) async fn ensure_distinct(
        &self,
        transaction: &impl ConnectionTrait,
        username: &Username,
        owner: UserId,
    ) -> Result<(), AccountError> {
        let skeletons = Skeletons::of(username);
        for skeleton in skeletons.sorted() {
            lock_name(transaction, skeleton).await?;
        }
        if store::is_key_taken(transaction, username, owner).await? {
            return Err(AccountError::UsernameTaken);
        }
        if store::has_look_alike(transaction, &skeletons, owner).await? {
            return Err(AccountError::UsernameLooksTaken);
        }
        Ok(())
    }

    /// Computes the skeletons of accounts that a server of an earlier release has created. Returns their number, at most
    /// `batch`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn compute_skeletons(&self, batch: u64) -> Result<u64, DbErr> {
        let missing = store::without_skeletons(self.database.reader(), batch).await?;
        if missing.is_empty() {
            return Ok(0);
        }
        let transaction = self.database.begin().await?;
        for (id, username) in &missing {
            // A name that is not valid any more looks like itself only.
            let skeletons = Username::parse(username).map_or_else(
                |_| Skeletons { mapped: username.clone(), displayed: username.clone() },
                |name| Skeletons::of(&name),
            );
            store::set_skeletons(&transaction, *id, skeletons).await?;
        }
        transaction.commit().await?;
        Ok(u64::try_from(missing.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Username {
        Username::parse(text).expect("a username")
    }

    fn look_alike(one: &str, other: &str) -> bool {
        let (one, other) = (Skeletons::of(&name(one)), Skeletons::of(&name(other)));
        one.sorted().iter().any(|skeleton| other.sorted().contains(skeleton))
    }

    #[test]
    fn names_of_other_scripts_and_other_letters_look_alike() {
        for (one, other) in [
            ("ada", "аdа"),
            ("ADA", "аda"),
            ("bob", "Вob"),
            ("paypal", "paypaI"),
            ("Ivan", "lvan"),
            ("IBM", "lBM"),
            ("modern", "modem"),
            ("scope", "ѕсоре"),
        ] {
            assert!(look_alike(one, other) && look_alike(other, one), "{one} {other}");
        }
        for (one, other) in [("lila", "ilia"), ("ada", "äda"), ("織田", "ода"), ("ian", "lan"), ("a.b", "ab")]
        {
            assert!(!look_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_reserved_name_is_reserved_in_every_disguise() {
        let reserved = ["admin".to_owned(), "Root".to_owned(), "moderator".to_owned()];
        for taken in ["admin", "Admin", "ADMlN", "adm1n", "аdmin", "root", "r00t", "rоot", "rnoderator"] {
            assert!(is_reserved(&name(taken), &reserved), "{taken}");
        }
        for free in ["ada", "admin2", "roots", "mod"] {
            assert!(!is_reserved(&name(free), &reserved), "{free}");
        }
    }
}
