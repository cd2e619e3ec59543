//! Tries of a password.
//!
//! Failures count for the account, wherever they come from. Once the account has to wait, its owner competes with
//! guessers for the next try, unless the owner is at a place where somebody has signed in before. Two rules keep a
//! guesser from winning each time:
//!
//! - A network from which nobody has tried this account lately gets a first try at once. These have a ladder of their
//!   own, so that many networks do not make many guesses.
//! - Who asks again before the time that they were given waits longer, and so misses the next try.

use std::{net::IpAddr, time::Duration};

use sea_orm::{ConnectionTrait, DbErr};

use super::{
    Permit, Throttle, Try,
    store::{self, Row},
    subject::{KnownPlace, Subject, is_of_a_block, keys_of_account, subject_of, wait_key},
    whole_seconds,
};
use crate::{clock::Timestamp, id::UserId};

/// The time by which a client may come back too early. It allows for clocks of replicas that differ a little.
const EARLY: Duration = Duration::from_millis(500);

/// The account whose password is tried.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The account as the throttle knows it. It need not exist.
    pub account: &'a str,
    /// The token version of the account; none where there is no account.
    pub epoch: Option<i64>,
}

/// The stored counts of the subjects of a try at a place that is not known.
struct Standing {
    rows: Vec<Row>,
    now: Timestamp,
}

impl Standing {
    fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject == key)
    }

    /// The row of a subject that has to wait.
    fn block(&self, key: &str) -> Option<&Row> {
        self.row(key).filter(|row| row.until > self.now)
    }

    /// Whether the subject was not counted lately.
    fn is_new(&self, key: &str) -> bool {
        self.row(key).is_none_or(|row| row.tries == 0 || row.forget_at <= self.now)
    }
}

impl Throttle {
    /// Asks whether a password may be tried from `address`, and counts the try. What is tried elsewhere does not count
    /// where somebody has signed in before, since the account got its password and roles.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_password(&self, target: Target<'_>, address: IpAddr) -> Result<Permit, DbErr> {
        if !self.config.enabled {
            return Ok(Permit::Granted(Try { counted: Vec::new() }));
        }
        let name = target.account.to_owned();
        // Always in this order, so that two transactions cannot wait for each other.
        let mut own = vec![
            Subject::Address(address),
            Subject::Pair(name.clone(), address),
            Subject::Attempt(name, address),
        ];
        let known = KnownPlace { account: target.account, epoch: target.epoch, address }.key();
        if store::is_there(self.database.reader(), &known, self.clock.now()).await? {
            return self.ask(own).await;
        }
        if is_of_a_block(address) {
            own.push(Subject::AddressBlock(address));
        }
        self.try_at_new_place(target.account, address, own).await
    }

    async fn try_at_new_place(
        &self,
        account: &str,
        address: IpAddr,
        own: Vec<Subject>,
    ) -> Result<Permit, DbErr> {
        let now = self.clock.now();
        let name = || account.to_owned();
        let (anywhere, newcomers) = (Subject::Account(name()), Subject::Newcomer(name()));
        let (again, first) = (Subject::Stranger(name(), address), Subject::FirstTry(name(), address));
        let wait = wait_key(account, address);
        let mut keys = vec![anywhere.key(), newcomers.key(), first.key(), wait.clone()];
        keys.extend(own.iter().map(Subject::key));
        let rows = store::find(self.database.reader(), &keys).await?;
        let standing = Standing { rows, now };

        let shut = standing.block(&anywhere.key());
        let is_first = standing.is_new(&first.key()) && standing.block(&newcomers.key()).is_none();
        let mut blocks: Vec<&Row> = own.iter().filter_map(|subject| standing.block(&subject.key())).collect();
        let held = standing.block(&wait);
        if held.is_some() || (shut.is_some() && !is_first) {
            blocks.extend(shut);
            let until = self.hold(&wait, held, shut, now).await?;
            return self.refuse_until(&blocks, until, now).await;
        }
        if let Some(refused) = self.refusal(&blocks, now).await? {
            return Ok(refused);
        }
        let mut subjects = if shut.is_some() { vec![newcomers, first] } else { vec![anywhere, again] };
        subjects.extend(own);
        self.count_all(subjects, now).await
    }

    /// Makes a network wait that has asked too early, and says until when. It costs the writer something only now and
    /// then, however often they ask.
    async fn hold(
        &self,
        key: &str,
        held: Option<&Row>,
        shut: Option<&Row>,
        now: Timestamp,
    ) -> Result<Timestamp, DbErr> {
        let penalty = self.config.account.longest_delay;
        let until = match held {
            None => shut.map_or(now, |row| row.until),
            Some(held) if held.until > now + penalty / 2 || held.until <= now + EARLY => {
                return Ok(held.until);
            }
            Some(_) => now + penalty,
        };
        store::hold(self.database.writer(), key, until).await?;
        Ok(until)
    }

    /// The refusal of a network that waits until then, or longer where something else blocks it.
    async fn refuse_until(&self, blocks: &[&Row], until: Timestamp, now: Timestamp) -> Result<Permit, DbErr> {
        let least = whole_seconds(until, now);
        Ok(match self.refusal(blocks, now).await? {
            Some(Permit::Refused { retry_after, is_new }) => {
                Permit::Refused { retry_after: retry_after.max(least), is_new }
            }
            _ => Permit::Refused { retry_after: least, is_new: false },
        })
    }

    /// Takes a try back that was right; the account's failures from there are forgiven. It stays counted as a sign-in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forgive(&self, right: &Try) -> Result<(), DbErr> {
        let failures = right.counted.iter().filter(|subject| !matches!(subject, Subject::Attempt(..)));
        self.take_back(failures, |subject| matches!(subject, Subject::Pair(..))).await
    }

    /// Takes a try back that did not take place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn undo(&self, void: &Try) -> Result<(), DbErr> {
        self.take_back(void.counted.iter(), |_| false).await
    }

    /// Remembers, in the transaction of a sign-in or of a change of password, from where the owner of an account acts.
    /// It counts as long as the account has this token version.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remember(
        &self,
        transaction: &impl ConnectionTrait,
        (user, epoch): (UserId, i64),
        address: IpAddr,
    ) -> Result<(), DbErr> {
        if !self.config.enabled {
            return Ok(());
        }
        let until = self.clock.now() + self.config.known_for;
        let place = KnownPlace { account: &subject_of(user), epoch: Some(epoch), address };
        store::remember(transaction, &place.key(), until).await
    }

    /// Forgets, in the transaction that makes it needless, how often an account's password was tried, wherever
    /// that was. What an address has tried on any account stays counted: it may be the guesser's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        let account = subject_of(user);
        // In the order in which tries lock them.
        store::delete(transaction, &Subject::Account(account.clone()).key()).await?;
        store::delete(transaction, &Subject::Newcomer(account.clone()).key()).await?;
        for keys in keys_of_account(&account) {
            store::delete_range(transaction, keys).await?;
        }
        Ok(())
    }

    /// Takes one try of each subject back; of those that `is_forgiven`, all.
    async fn take_back(
        &self,
        subjects: impl Iterator<Item = &Subject> + Clone,
        is_forgiven: impl Fn(&Subject) -> bool,
    ) -> Result<(), DbErr> {
        if subjects.clone().next().is_none() {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        for subject in subjects {
            if is_forgiven(subject) {
                store::delete(&transaction, &subject.key()).await?;
            } else {
                store::take_back(&transaction, &subject.key()).await?;
            }
        }
        transaction.commit().await
    }
}
