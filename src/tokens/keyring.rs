use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::JwkSet;
use sea_orm::DbErr;

use super::{Claims, KeyError, PublicKeys, SigningKey, Verifier, VerifierError, store};
use crate::{
    clock::{Clock, Timestamp},
    database::Database,
    secret::{Sealer, Unsealable},
};

/// The keys that sign access tokens: one active, others published before and after their turn.
/// Keys live in the database, sealed; every replica has the same.
pub struct Keyring {
    database: Database,
    sealer: Sealer,
    clock: Clock,
    verifier: Arc<Verifier>,
    /// A key from a file signs instead of those in the database, which stay published.
    from_file: Option<Arc<SigningKey>>,
    current: RwLock<Arc<Current>>,
}

#[derive(Default)]
struct Current {
    signing: Option<Arc<SigningKey>>,
    published: JwkSet,
}

/// Why the keyring does not open.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// A key is damaged.
    #[error("the signing key {kid}: {source}")]
    Key {
        /// Which.
        kid: String,
        /// What is wrong.
        source: KeyError,
    },
    /// A key was sealed under another master secret.
    #[error(
        "the signing key {kid} was sealed under another master secret: {source}; set the secret with which this database was made"
    )]
    Sealed {
        /// Which.
        kid: String,
        /// What is wrong.
        source: Unsealable,
    },
    /// A key cannot be published.
    #[error(transparent)]
    Publish(#[from] VerifierError),
    /// No new key could be made.
    #[error(transparent)]
    Make(#[from] KeyError),
    /// There is no key that signs now.
    #[error("no signing key is active")]
    NoActiveKey,
}

/// A key as operators see it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PublishedKey {
    /// Its name.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: String,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KeyState {
    /// Published, and signs later.
    Next {
        /// When it begins to sign.
        active_from: Timestamp,
    },
    /// Signs.
    Active {
        /// Since when.
        active_from: Timestamp,
    },
    /// Published for the tokens that it has signed.
    Retired {
        /// Until when it signed.
        active_until: Timestamp,
    },
    /// Withdrawn with all its tokens.
    Revoked {
        /// Since when.
        revoked_at: Timestamp,
    },
}

impl Keyring {
    /// Opens the keyring; makes the first key where there is none.
    ///
    /// # Errors
    /// When the database does not answer or a key does not open.
    pub async fn open(
        database: Database,
        sealer: Sealer,
        from_file: Option<SigningKey>,
        verifier: Arc<Verifier>,
        clock: Clock,
    ) -> Result<Self, KeyringError> {
        let from_file = from_file.map(Arc::new);
        let keyring = Self { database, sealer, clock, verifier, from_file, current: RwLock::default() };
        keyring.make_first_key().await?;
        keyring.reload().await?;
        Ok(keyring)
    }

    /// Signs an access token with the active key.
    ///
    /// # Errors
    /// When there is none.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyringError> {
        let signing = self.current().signing.clone().ok_or(KeyringError::NoActiveKey)?;
        Ok(signing.sign(claims)?)
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
        let mut signing = None;
        let mut published = JwkSet { keys: Vec::new() };
        for row in store::all(self.database.reader()).await? {
            if matches!(row.state(now), KeyState::Revoked { .. }) || row.is_withdrawn(now) {
                continue;
            }
            let sealed = |source| KeyringError::Sealed { kid: row.kid.clone(), source };
            let der = self.sealer.open(&row.sealed_private_key, &row.kid).map_err(sealed)?;
            let damaged = |source| KeyringError::Key { kid: row.kid.clone(), source };
            let key = SigningKey::from_pkcs8(&der).map_err(damaged)?;
            published.keys.push(key.jwk.clone());
            // Rows come in the order of their turn, so the last active one signs.
            if matches!(row.state(now), KeyState::Active { .. }) {
                signing = Some(Arc::new(key));
            }
        }
        if let Some(key) = &self.from_file {
            published.keys.push(key.jwk.clone());
            signing = Some(Arc::clone(key));
        }
        self.install(signing, published)
    }

    /// All keys of the database, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<PublishedKey>, DbErr> {
        let now = self.clock.now();
        let rows = store::all(self.database.reader()).await?;
        Ok(rows.into_iter().map(|row| row.into_published(now)).collect())
    }

    async fn make_first_key(&self) -> Result<(), KeyringError> {
        // Who keeps the key elsewhere wants none here that would be believed as well.
        if self.from_file.is_some() {
            return Ok(());
        }
        // The lock keeps replicas that start together from making a key each.
        let transaction = self.database.begin_exclusive().await?;
        if store::all(&transaction).await?.is_empty() {
            let der = SigningKey::generate()?;
            let key = SigningKey::from_pkcs8(&der)?;
            let der = self.sealer.seal(&der, &key.kid).map_err(|_| KeyError::Generate)?;
            store::insert(&transaction, &key.kid, key.algorithm(), der, self.clock.now()).await?;
            tracing::info!(kid = key.kid, algorithm = key.algorithm(), "made the first signing key");
        }
        transaction.commit().await?;
        Ok(())
    }

    fn install(&self, signing: Option<Arc<SigningKey>>, published: JwkSet) -> Result<(), KeyringError> {
        let unchanged = self.current().published == published;
        if !unchanged {
            self.verifier.replace_keys(PublicKeys::from_jwks(&published)?);
        }
        let current = Arc::new(Current { signing, published });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}
