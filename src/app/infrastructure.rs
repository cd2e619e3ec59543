use std::{num::NonZeroUsize, sync::Arc};

use aws_lc_rs::rand::SystemRandom;

use super::AppError;
use crate::{
    changes::ChangeFeed,
    clock::Clock,
    config::Config,
    database::Database,
    http::Authenticator,
    limits::Throttle,
    mail::Mail,
    operations::DocumentStore,
    passkeys::Challenges,
    passwords::{Argon2Cost, HashBounds, Hasher, Policy},
    proofs::Proofs,
    replicas::{Replicas, Settings},
    secret::{MasterSecrets, Sealers},
    status_lists::StatusLists,
    tokens::{
        Keyring, RefreshCodec, RotationSchedule, SigningKey, TokenFormat, VerificationKeys, Verifier,
        VerifierConfig,
    },
};

/// The resources that the services share.
pub(super) struct Infrastructure {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) database: Database,
    pub(super) documents: Arc<DocumentStore>,
    pub(super) authenticator: Authenticator,
    pub(super) feed: Arc<ChangeFeed>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) status_lists: Option<Arc<StatusLists>>,
    pub(super) replicas: Arc<Replicas>,
    pub(super) codec: Arc<RefreshCodec>,
    pub(super) mail: Mail,
    pub(super) throttle: Throttle,
    pub(super) proofs: Proofs,
    pub(super) factor_sealers: Arc<Sealers>,
    pub(super) challenges: Challenges,
    pub(super) policy: Policy,
    pub(super) hasher: Hasher,
}

impl Infrastructure {
    /// Opens the resources on a database whose migrations are applied.
    pub(super) async fn open(
        database: Database,
        masters: &MasterSecrets,
        documents: Arc<DocumentStore>,
        config: Config,
        clock: Clock,
    ) -> Result<Self, AppError> {
        let authenticator = Authenticator::new(Arc::new(verifier(&config, &clock)), Arc::default());
        let feed = ChangeFeed::new(database.clone(), Arc::clone(&authenticator.revocations), clock.clone());
        let feed = Arc::new(feed);
        let keyring = keyring(&config, &database, masters, &authenticator.verifier, &clock).await?;
        let keyring = Arc::new(keyring);
        let status_lists = StatusLists::new(&database, &feed, &keyring, &config, &clock).map(Arc::new);
        feed.reset_foreign_positions().await?;
        feed.catch_up().await?;
        let (policy, hasher) = passwords(&config)?;
        let codec = Arc::new(RefreshCodec::new(masters));
        let sealers = Sealers::new(masters, "messages v1");
        let mail = Mail::open(&config, database.clone(), sealers, clock.clone())?;
        let throttle = Throttle::new(database.clone(), config.limits.clone(), clock.clone());
        let settings = Settings::new(&config, &masters.current, keyring.kid_of_file());
        let address = config.http.listen.to_string();
        let replicas = Arc::new(Replicas::new(database.clone(), clock.clone(), address, settings));
        let config = Arc::new(config);
        let proofs = Proofs::new(
            database.clone(),
            config.clone(),
            throttle.clone(),
            mail.clone(),
            masters,
            clock.clone(),
        );
        let challenges = Challenges::new(masters, clock.clone());
        Ok(Self {
            config,
            clock,
            database,
            documents,
            authenticator,
            feed,
            keyring,
            status_lists,
            replicas,
            codec,
            mail,
            throttle,
            proofs,
            factor_sealers: Arc::new(Sealers::new(masters, "second factors v1")),
            challenges,
            policy,
            hasher,
        })
    }
}

fn verifier(config: &Config, clock: &Clock) -> Verifier {
    let verifier_config = VerifierConfig {
        issuer: config.configured_issuer(),
        audience: config.tokens.audience.clone(),
        clock_skew: config.tokens.clock_skew,
        max_lifetime: config.tokens.access_ttl,
        format: TokenFormat::Portcullis,
    };
    Verifier::new(&verifier_config, VerificationKeys::default(), clock.clone())
}

async fn keyring(
    config: &Config,
    database: &Database,
    masters: &MasterSecrets,
    verifier: &Arc<Verifier>,
    clock: &Clock,
) -> Result<Keyring, AppError> {
    let tokens = &config.tokens;
    let from_file = tokens.signing_key_file.as_deref().map(SigningKey::from_pem_file).transpose()?;
    let sealers = Sealers::new(masters, "signing keys v1");
    let schedule = RotationSchedule {
        algorithm: tokens.algorithm,
        rotation_period: Some(tokens.key_rotation).filter(|time| !time.is_zero()),
        publish_ahead: tokens.key_publish_ahead,
        retention: tokens.refresh_ttl,
    };
    let (database, verifier, clock) = (database.clone(), Arc::clone(verifier), clock.clone());
    Ok(Keyring::open(database, sealers, schedule, from_file, verifier, clock).await?)
}

fn passwords(config: &Config) -> Result<(Policy, Hasher), AppError> {
    let passwords = &config.passwords;
    let policy = Policy::new(passwords.min_length, passwords.max_length, passwords.min_score)?;
    let cost = Argon2Cost::new(passwords.memory_kib, passwords.iterations, passwords.parallelism)?;
    let bounds = HashBounds::new(&cost, passwords.imported_memory_kib);
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let queue = NonZeroUsize::new(passwords.queue).unwrap_or(NonZeroUsize::MIN);
    let hasher = Hasher::start(
        cost,
        bounds,
        passwords.workers.unwrap_or(cores),
        queue,
        Arc::new(SystemRandom::new()),
    )?;
    Ok((policy, hasher))
}
