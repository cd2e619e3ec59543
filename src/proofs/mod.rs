//! Proofs of e-mail addresses: the links and codes in messages.
//!
//! Invariants: a proof counts once, for one purpose, one address and one account; a code counts only together with the
//! challenge of the client that requested it, and each attempt is counted before it is compared; a newer proof voids the
//! older ones of its purpose; a request for an unknown address does the same work as one for a known address.

mod code;
mod digits;
mod purpose;
mod send;
mod store;

use std::sync::Arc;

use aws_lc_rs::hmac;
use sea_orm::{ConnectionTrait, DbErr};

pub use self::{
    code::InvalidProof,
    purpose::Purpose,
    send::{AddressOwner, Recipient, SentProof},
    store::{Proof, ProofRecord},
};
use crate::{
    clock::Clock,
    config::Config,
    database::Database,
    id::UserId,
    limits::Throttle,
    mail::Mail,
    secret::{MasterSecret, MasterSecrets},
};

/// Sends, checks and uses proofs.
#[derive(Clone)]
pub struct Proofs {
    database: Database,
    clock: Clock,
    config: Arc<Config>,
    throttle: Throttle,
    mail: Mail,
    /// The keys of the codes, the current one first. With the hashes alone, codes could be guessed.
    code_keys: Arc<[hmac::Key]>,
}

impl Proofs {
    /// Creates the service for this database.
    #[must_use]
    pub(crate) fn new(
        database: Database,
        config: Arc<Config>,
        throttle: Throttle,
        mail: Mail,
        masters: &MasterSecrets,
        clock: Clock,
    ) -> Self {
        let key =
            |master: &MasterSecret| hmac::Key::new(hmac::HMAC_SHA256, master.derive("codes v1").as_ref());
        Self { database, clock, config, throttle, mail, code_keys: masters.iter().map(key).collect() }
    }

    /// Uses a proof, in the transaction of what it permits. Returns `false` if it was used or voided meanwhile.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn consume(&self, transaction: &impl ConnectionTrait, proof: &Proof) -> Result<bool, DbErr> {
        store::consume(transaction, proof.id, self.clock.now()).await
    }

    /// Voids the unused proofs of an account, because its address or its password has changed. Those that undo a change
    /// of the address stay: otherwise an intruder could void the owner's by a second change.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn void_all(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        store::void_all(transaction, user).await
    }

    /// Voids what undoes later changes of the address than this proof: they were made by the person whose change is undone.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn void_later_undos(
        &self,
        transaction: &impl ConnectionTrait,
        proof: &Proof,
    ) -> Result<(), DbErr> {
        store::void_later_undos(transaction, proof.user, proof.id).await
    }

    /// Deletes all proofs of an account, in the transaction that deletes the account.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn delete_of(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        store::delete_of(transaction, user).await
    }

    /// Lists the valid proofs of an account, at most `max`, the newest first.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn list_valid(&self, user: UserId, max: u64) -> Result<Vec<ProofRecord>, DbErr> {
        store::list_valid(self.database.reader(), user, self.clock.now(), max).await
    }

    /// Deletes expired proofs, at most `batch`. Returns their number.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_expired(self.database.writer(), self.clock.now(), batch).await
    }
}
