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

// A token with the maximum size of claims is accepted, whichever key signs it.
const _: () = assert!(
    MAX_HEADER_CHARS + (MAX_CLAIMS_BYTES * 4).div_ceil(3) + MAX_SIGNATURE_CHARS + 2 <= MAX_TOKEN_BYTES
);

/// The keys that sign access tokens: one is active, others are published because they are pending or retired. The
/// database stores them sealed, and all replicas share them.
pub struct Keyring {
    pub(super) database: Database,
    sealers: Sealers,
    pub(super) clock: Clock,
    pub(super) schedule: RotationSchedule,
    verifier: Arc<Verifier>,
    /// The key of `tokens.signing_key_file`, which signs instead of the keys in the database. Those expire as retired
    /// keys do.
    pub(super) from_file: Option<Arc<SigningKey>>,
    current: RwLock<Arc<KeySet>>,
    /// Held while the keys are read and replaced, so that an earlier read never replaces a later one.
    reloading: tokio::sync::Mutex<()>,
}

/// Parameters of automatic key rotation.
#[derive(Clone, Copy, Debug)]
pub struct RotationSchedule {
    /// Algorithm of the next key.
    pub algorithm: SigningAlgorithm,
    /// Time for which a key is active before its successor replaces it. `None` disables automatic rotation.
    pub rotation_period: Option<Duration>,
    /// Time for which a key is published before it becomes active.
    pub publish_ahead: Duration,
    /// Time for which a key is stored after its publication has ended, so that a client with an old token gets
    /// `TOKEN_EXPIRED` and not `TOKEN_INVALID`.
    pub retention: Duration,
}

/// The keys in memory.
#[derive(Default)]
struct KeySet {
    /// The pending and active keys by the time at which they become active. The last one whose time has come signs.
    signing_keys: Vec<(Timestamp, Arc<SigningKey>)>,
    published: JwkSet,
}

impl Keyring {
    /// Opens the keyring. The database may have no active key: see [`Keyring::lacks_active`].
    ///
    /// # Errors
    /// If the database fails, a key cannot be unsealed, or the key in the key file was revoked.
    pub async fn open(
        database: Database,
        sealers: Sealers,
        schedule: RotationSchedule,
        from_file: Option<SigningKey>,
        verifier: Arc<Verifier>,
        clock: Clock,
    ) -> Result<Self, KeyringError> {
        let from_file = from_file.map(Arc::new);
        let (current, reloading) = (RwLock::default(), tokio::sync::Mutex::default());
        let keyring = Self { database, sealers, clock, schedule, verifier, from_file, current, reloading };
        keyring.reload().await?;
        match &keyring.from_file {
            Some(key) if keyring.signer().is_err() => Err(KeyringError::FileRevoked(key.kid.clone())),
            _ => Ok(keyring),
        }
    }

    /// Whether the database has no keys, so that it contains nothing sealed.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_empty(database: &Database) -> Result<bool, DbErr> {
        Ok(store::all(database.reader()).await?.is_empty())
    }

    /// Signs an access token with the active key.
    ///
    /// # Errors
    /// [`KeyringError::NoActiveKey`] or [`KeyringError::TooLarge`].
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyringError> {
        let token = self.signer()?.sign(claims)?;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(KeyringError::TooLarge { bytes: token.len() });
        }
        Ok(token)
    }

    /// The key that signs now. If all keys are pending, it is the first of them, because a clock that was ahead created
    /// them and they are already published.
    ///
    /// # Errors
    /// [`KeyringError::NoActiveKey`]: no user can sign in.
    pub fn signer(&self) -> Result<Arc<SigningKey>, KeyringError> {
        let now = self.clock.now();
        let current = self.current();
        let is_active = |(from, _): &&(Timestamp, _)| *from <= now;
        let found = current.signing_keys.iter().rfind(is_active).or(current.signing_keys.first());
        found.map(|(_, key)| Arc::clone(key)).ok_or(KeyringError::NoActiveKey)
    }

    /// The `kid` of the key in the key file, if one is configured.
    #[must_use]
    pub fn kid_of_file(&self) -> Option<&str> {
        self.from_file.as_ref().map(|key| key.kid.as_str())
    }

    /// The published keys (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.current().published.clone()
    }

    /// Reads the keys again: after another replica or the command line has changed them, and regularly, because their
    /// states change with time.
    ///
    /// # Errors
    /// If the database fails or a key cannot be unsealed.
    pub async fn reload(&self) -> Result<(), KeyringError> {
        let _reloading = self.reloading.lock().await;
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
                // The key in the key file was also imported into the database.
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
        // The verifier first, so that no token is signed with a key that this server cannot verify.
        self.verifier.replace_keys(known);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        Ok(())
    }

    /// All keys of the database, in the order in which they become active.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, DbErr> {
        let now = self.clock.now();
        let rows = store::all(self.database.reader()).await?;
        Ok(rows.iter().map(|row| row.info(now)).collect())
    }

    /// Number of keys that are not sealed with the current master secret.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_under_old_secret(&self) -> Result<usize, DbErr> {
        let rows = store::all(self.database.reader()).await?;
        Ok(rows.iter().filter(|row| !self.is_sealed_with_current(row)).count())
    }

    /// Deletes the keys whose publication ended before the retention period.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self) -> Result<u64, DbErr> {
        let then = self.clock.now() - self.schedule.retention;
        store::delete_withdrawn(self.database.writer(), then).await
    }

    /// The row of a new key that becomes active at `active_from`.
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

    /// Whether a key is sealed with the current master secret.
    pub(super) fn is_sealed_with_current(&self, row: &KeyRow) -> bool {
        self.sealers.is_current(&row.sealed_private_key, &row.kid)
    }

    fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeySet {
    /// Adds a key to the verifier, and to the published key set unless it is a shared secret.
    fn publish(&mut self, key: &SigningKey, known: &mut VerificationKeys) -> Result<(), KeyringError> {
        known.add(&key.jwk)?;
        if key.is_asymmetric() {
            self.published.keys.push(key.jwk.clone());
        }
        Ok(())
    }
}
