use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::jwk::JwkSet;
use sea_orm::DbErr;

use super::{
    Claims, KeyError, KeyInfo, KeyState, KeyringError, SigningKey, VerificationKeys, Verifier,
    store::{self, KeyRow},
    verifier::MAX_TOKEN_BYTES,
};
use crate::{
    clock::{Clock, Timestamp},
    config::{MAX_CLAIMS_BYTES, SigningAlgorithm},
    database::Database,
    secret::Sealers,
};

/// The maximum length of the header and the signature of a token, in base64url. RSA of 8192 bits has the longest.
const MAX_HEADER_CHARS: usize = 160;
const MAX_SIGNATURE_CHARS: usize = 1366;

// A token whose claims the configuration permits is accepted, whichever key signs it.
const _: () = assert!(
    MAX_HEADER_CHARS + (MAX_CLAIMS_BYTES * 4).div_ceil(3) + MAX_SIGNATURE_CHARS + 2 <= MAX_TOKEN_BYTES
);

/// The keys that sign access tokens: one active, others published before and after their turn.
/// Keys live in the database, sealed; every replica has the same.
pub struct Keyring {
    pub(super) database: Database,
    sealers: Sealers,
    pub(super) clock: Clock,
    pub(super) schedule: RotationSchedule,
    verifier: Arc<Verifier>,
    /// A key from a file that signs instead of those in the database. Those expire as retired keys do.
    pub(super) from_file: Option<Arc<SigningKey>>,
    current: RwLock<Arc<KeySet>>,
}

/// When keys change by themselves.
#[derive(Clone, Copy, Debug)]
pub struct RotationSchedule {
    /// What the next key is.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before another takes over; `None` for as long as nobody rotates.
    pub rotation_period: Option<Duration>,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
    /// How long a key is remembered behind that, so that whoever comes back with a token of it is told that
    /// the token has expired, and not that it is none.
    pub retention: Duration,
}

#[derive(Default)]
struct KeySet {
    /// The keys that sign, each from its time on; the last one that has begun does.
    signing_keys: Vec<(Timestamp, Arc<SigningKey>)>,
    published: JwkSet,
}

impl Keyring {
    /// Opens the keyring. The database may lack a key that signs: see [`Keyring::lacks_active`].
    ///
    /// # Errors
    /// When the database does not answer, a key does not open, or the key of the file was revoked.
    pub async fn open(
        database: Database,
        sealers: Sealers,
        schedule: RotationSchedule,
        from_file: Option<SigningKey>,
        verifier: Arc<Verifier>,
        clock: Clock,
    ) -> Result<Self, KeyringError> {
        let from_file = from_file.map(Arc::new);
        let current = RwLock::default();
        let keyring = Self { database, sealers, clock, schedule, verifier, from_file, current };
        keyring.reload().await?;
        match &keyring.from_file {
            Some(key) if keyring.signer().is_err() => Err(KeyringError::FileRevoked(key.kid.clone())),
            _ => Ok(keyring),
        }
    }

    /// Whether a database has no keys yet, so that nothing is sealed there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_empty(database: &Database) -> Result<bool, DbErr> {
        Ok(store::all(database.reader()).await?.is_empty())
    }

    /// Signs an access token with the active key.
    ///
    /// # Errors
    /// When there is none, or [`KeyringError::TooLarge`].
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyringError> {
        let token = self.signer()?.sign(claims)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(KeyringError::TooLarge { bytes: token.len() });
        }
        Ok(token)
    }

    /// The key that signs now. If every key begins later, it is the first of them: they were made by a clock that
    /// was ahead, and are published already.
    ///
    /// # Errors
    /// When there is none, so that nobody can sign in.
    pub fn signer(&self) -> Result<Arc<SigningKey>, KeyringError> {
        let now = self.clock.now();
        let current = self.current();
        let has_begun = |(from, _): &&(Timestamp, _)| *from <= now;
        let turn = current.signing_keys.iter().rfind(has_begun).or(current.signing_keys.first());
        turn.map(|(_, key)| Arc::clone(key)).ok_or(KeyringError::NoActiveKey)
    }

    /// The `kid` of the key from a file, where one signs.
    #[must_use]
    pub fn kid_of_file(&self) -> Option<&str> {
        self.from_file.as_ref().map(|key| key.kid.as_str())
    }

    /// The published keys (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.current().published.clone()
    }

    /// Reads the keys again, after another replica or the command line has changed them, and as
    /// their times come.
    ///
    /// # Errors
    /// When the database does not answer or a key does not open.
    pub async fn reload(&self) -> Result<(), KeyringError> {
        let now = self.clock.now();
        let (mut current, mut known) = (KeySet::default(), VerificationKeys::default());
        let mut from_file = self.from_file.as_ref();
        for row in store::all(self.database.reader()).await? {
            let is_of_file = self.kid_of_file() == Some(row.kid.as_str());
            match row.state(now) {
                KeyState::Revoked { .. } => {
                    if is_of_file {
                        from_file = None;
                    }
                    known.revoke(row.kid);
                }
                // It was imported before it was put into a file.
                _ if is_of_file => {}
                KeyState::Withdrawn { .. } => known.mark_expired(row.kid),
                KeyState::Retired { .. } => current.publish(&self.unseal(&row)?, &mut known)?,
                KeyState::Pending { active_from } | KeyState::Active { active_from, .. } => {
                    let key = self.unseal(&row)?;
                    current.publish(&key, &mut known)?;
                    current.signing_keys.push((active_from, Arc::new(key)));
                }
            }
        }
        if self.from_file.is_some() {
            current.signing_keys.clear();
        }
        if let Some(key) = from_file {
            current.publish(key, &mut known)?;
            current.signing_keys.push((Timestamp::UNIX_EPOCH, Arc::clone(key)));
        }
        // The verifier first: nothing is signed with a key that is not known here.
        self.verifier.replace_keys(known);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        Ok(())
    }

    /// All keys of the database, in the order of their turn.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, DbErr> {
        let now = self.clock.now();
        let rows = store::all(self.database.reader()).await?;
        Ok(rows.iter().map(|row| row.info(now)).collect())
    }

    /// How many keys are not sealed under the master secret that counts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_under_old_secret(&self) -> Result<usize, DbErr> {
        let rows = store::all(self.database.reader()).await?;
        Ok(rows.iter().filter(|row| !self.is_sealed_with_current(row)).count())
    }

    /// Forgets the keys whose tokens nobody can still hold.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self) -> Result<u64, DbErr> {
        let then = self.clock.now() - self.schedule.retention;
        store::delete_withdrawn(self.database.writer(), then).await
    }

    /// The row of a new key that signs from `active_from` on.
    pub(super) fn row(&self, key: &SigningKey, active_from: Timestamp) -> Result<KeyRow, KeyringError> {
        Ok(KeyRow {
            kid: key.kid.clone(),
            algorithm: key.algorithm().to_owned(),
            sealed_private_key: self.seal(&key.kid, key.private_bytes())?,
            created_at: self.clock.now(),
            active_from,
            active_until: None,
            published_until: None,
            revoked_at: None,
            last_used_at: None,
        })
    }

    pub(super) fn seal(&self, kid: &str, private: &[u8]) -> Result<Vec<u8>, KeyringError> {
        Ok(self.sealers.seal(private, kid).map_err(KeyError::from)?)
    }

    pub(super) fn unseal(&self, row: &KeyRow) -> Result<SigningKey, KeyringError> {
        let sealed = |source| KeyringError::Sealed { kid: row.kid.clone(), source };
        let private = self.sealers.open(&row.sealed_private_key, &row.kid).map_err(sealed)?;
        let damaged = |source| KeyringError::Key { kid: row.kid.clone(), source };
        SigningKey::from_stored(&row.algorithm, &private).map_err(damaged)
    }

    /// Whether a key is sealed under the master secret that counts.
    pub(super) fn is_sealed_with_current(&self, row: &KeyRow) -> bool {
        self.sealers.is_current(&row.sealed_private_key, &row.kid)
    }

    fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeySet {
    /// Lets everybody verify with a key; of a shared secret, only us.
    fn publish(&mut self, key: &SigningKey, known: &mut VerificationKeys) -> Result<(), KeyringError> {
        known.add(&key.jwk)?;
        if key.is_asymmetric() {
            self.published.keys.push(key.jwk.clone());
        }
        Ok(())
    }
}
