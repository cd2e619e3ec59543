use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use sea_orm::DbErr;
use tokio::time::Instant;

use super::{SHARD_LENGTH, StatusLists};
use crate::{
    clock::Timestamp,
    tokens::{KeyringError, SigningKey, StatusList, StatusListClaims},
};

/// The lifetime of a list, as a multiple of its `ttl`. A service that cannot fetch a new list may use its last one for
/// this long.
const LIFETIME_TTLS: u32 = 10;

/// The age at which a list is signed again although it has not changed, as a multiple of its `ttl`.
const RENEWAL_TTLS: u32 = 5;

/// The lists that were signed last, by the number of their shard.
#[derive(Default)]
pub(super) struct Published {
    lists: Mutex<HashMap<u32, Arc<SignedList>>>,
    /// Prevents concurrent requests from signing the same list twice.
    signing: tokio::sync::Mutex<()>,
}

/// A signed list.
pub struct SignedList {
    /// The status list token, a JWT.
    pub token: Bytes,
    /// The same, compressed with gzip. It is more than a quarter smaller, because the list in the JWT is base64url twice.
    pub gzip: Bytes,
    signed_at: Timestamp,
    kid: String,
    revision: u64,
}

/// An error of publishing a list.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The server has not read the change feed for some time, so that it may not know all revocations.
    #[error("the change feed was not read recently")]
    Stale,
    /// The list cannot be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl StatusLists {
    /// The list of a shard with the current revocations. `None` if there is no such shard.
    ///
    /// A list is signed only if it has changed, or in time before it expires. So a request costs nearly nothing.
    ///
    /// # Errors
    /// [`PublishError`] if the server does not know the current revocations, or cannot sign.
    pub async fn list(&self, shard: u32) -> Result<Option<Arc<SignedList>>, PublishError> {
        if !self.has_shard(shard).await? {
            return Ok(None);
        }
        if !self.feed.is_current() {
            return Err(PublishError::Stale);
        }
        self.invalid.read_pending(&self.database).await?;
        let signer = self.keyring.signer()?;
        if let Some(list) = self.current(shard, &signer) {
            return Ok(Some(list));
        }
        let _alone = self.published.signing.lock().await;
        if let Some(list) = self.current(shard, &signer) {
            return Ok(Some(list));
        }
        let list = Arc::new(self.sign(shard, &signer)?);
        self.published.lists().insert(shard, Arc::clone(&list));
        Ok(Some(list))
    }

    /// Whether there is a shard with this number.
    async fn has_shard(&self, shard: u32) -> Result<bool, DbErr> {
        let exists = || shard < self.capacity() / SHARD_LENGTH;
        if exists() {
            return Ok(true);
        }
        // Another replica may have extended the capacity. Concurrent requests share one query.
        let requested_at = Instant::now();
        let mut read_at = self.capacity_read_at.lock().await;
        if read_at.is_none_or(|read_at| read_at < requested_at) {
            let began_at = Instant::now();
            self.read_capacity().await?;
            *read_at = Some(began_at);
        }
        Ok(exists())
    }

    /// The last list of a shard, unless it has changed, its key no longer signs, or it must be renewed.
    fn current(&self, shard: u32, signer: &SigningKey) -> Option<Arc<SignedList>> {
        let (now, revision) = (self.clock.now(), self.invalid.revision(shard));
        let lists = self.published.lists();
        let is_current = |list: &&Arc<SignedList>| {
            list.revision == revision
                && list.kid == signer.kid
                && (list.signed_at..list.signed_at + self.ttl * RENEWAL_TTLS).contains(&now)
        };
        lists.get(&shard).filter(is_current).cloned()
    }

    fn sign(&self, shard: u32, signer: &SigningKey) -> Result<SignedList, KeyringError> {
        let signed_at = self.clock.now();
        let (invalid, revision) = self.invalid.of_shard(shard, signed_at);
        let mut list = StatusList::new(SHARD_LENGTH as usize);
        for index in invalid {
            list.set_invalid(index as usize);
        }
        let claims = StatusListClaims {
            iss: Some(self.issuer.clone()),
            sub: self.shard_url(shard),
            iat: signed_at.timestamp(),
            exp: Some((signed_at + self.ttl * LIFETIME_TTLS).timestamp()),
            ttl: Some(self.ttl.as_secs()),
            status_list: list.encode(),
        };
        let token = signer.sign_status_list(&claims)?;
        let gzip = compress(token.as_bytes());
        Ok(SignedList { token: token.into(), gzip, signed_at, kid: signer.kid.clone(), revision })
    }
}

impl Published {
    fn lists(&self) -> MutexGuard<'_, HashMap<u32, Arc<SignedList>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compress(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    compressed.expect("a vector accepts all bytes").into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aws_lc_rs::rand;

    use super::*;
    use crate::{config::SigningAlgorithm, status_lists::INITIAL_CAPACITY};

    /// Of a million sessions, one in ten has ended within the time for which revocations are kept, a day.
    const ENDED: usize = 100_000;

    #[test]
    fn the_lists_of_a_million_sessions_have_less_than_200_kib() {
        let mut ended = HashSet::new();
        while ended.len() < ENDED {
            let mut bytes = [0; 4];
            rand::fill(&mut bytes).expect("random bytes");
            ended.insert(u32::from_le_bytes(bytes) % INITIAL_CAPACITY);
        }
        let signer = SigningKey::generate(SigningAlgorithm::EdDsa).expect("a key");
        let (mut plain, mut compressed) = (0, 0);
        for shard in 0..INITIAL_CAPACITY / SHARD_LENGTH {
            let mut list = StatusList::new(SHARD_LENGTH as usize);
            for index in ended.iter().filter(|index| **index / SHARD_LENGTH == shard) {
                list.set_invalid((index % SHARD_LENGTH) as usize);
            }
            let claims = StatusListClaims {
                iss: Some("https://id.example.com".to_owned()),
                sub: format!("https://id.example.com/status-lists/{shard}"),
                iat: 1_800_000_000,
                exp: Some(1_800_000_600),
                ttl: Some(60),
                status_list: list.encode(),
            };
            let token = signer.sign_status_list(&claims).expect("a list");
            plain += token.len();
            compressed += compress(token.as_bytes()).len();
        }
        assert!(plain < 200 * 1024, "{plain} bytes");
        assert!(compressed < plain * 4 / 5, "{compressed} of {plain} bytes");
    }
}
