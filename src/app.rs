//! Configuration in, everything else out. The only place where things are built.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc};

use async_graphql::{
    ObjectType, SchemaBuilder, SubscriptionType,
    dataloader::DataLoader,
    runtime::{TokioSpawner, TokioTimer},
};
use aws_lc_rs::rand::SystemRandom;
use sea_orm::DbErr;
use tokio_util::task::TaskTracker;

use crate::{
    accounts::{Accounts, graphql::AccountLoader},
    admin::Admin,
    audit::Audit,
    changes::{Feed, FeedConfig, Revocations},
    clock::Clock,
    config::{Config, Introspection},
    database::{ConnectError, Database},
    http::Gate,
    limits::Throttle,
    passwords::{Cost, Hasher, InvalidCost, InvalidPolicy, Policy, StartError},
    schema::{IdentitySchema, builder},
    secret::{MasterSecret, MasterSecrets, Sealer, SecretError},
    sessions::Sessions,
    sign_in::SignIn,
    tokens::{
        Expected, KeyError, Keyring, KeyringError, KnownKeys, RefreshCodec, Schedule, SigningKey, Verifier,
    },
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The master secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The folder for data cannot be made.
    #[error("cannot make the folder {path}, which data_dir names: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no connection to the database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database does not answer as it should.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    /// The file of `tokens.signing_key_file` cannot be used.
    #[error("tokens.signing_key_file: {0}")]
    SigningKey(#[from] KeyError),
    /// The keyring does not open.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The cost of a hash cannot be.
    #[error("passwords: {0}")]
    Cost(#[from] InvalidCost),
    /// The password policy cannot be.
    #[error("passwords: {0}")]
    Policy(#[from] InvalidPolicy),
    /// The hashing threads do not start.
    #[error("the password hasher: {0}")]
    Hasher(#[from] StartError),
}

/// Everything that the program consists of.
#[derive(Clone)]
pub struct App {
    /// What was set.
    pub config: Arc<Config>,
    /// What time it is.
    pub clock: Clock,
    /// Where the data are.
    pub database: Database,
    /// Who asks.
    pub gate: Gate,
    /// What replicas tell each other.
    pub feed: Arc<Feed>,
    /// What signs.
    pub keyring: Arc<Keyring>,
    /// How often one may try.
    pub throttle: Throttle,
    /// What happened.
    pub audit: Audit,
    /// Who exists.
    pub accounts: Accounts,
    /// What is open.
    pub sessions: Sessions,
    /// Every way in.
    pub sign_in: SignIn,
    /// Every privileged operation.
    pub admin: Admin,
    /// What runs beside the requests, and must end before the program does.
    pub tasks: TaskTracker,
}

impl App {
    /// Builds the program: opens the database and brings it up to date, opens the keyring, and reads
    /// which tokens are revoked.
    ///
    /// # Errors
    /// Whatever of it cannot be had.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, AppError> {
        let masters = master_secrets(&config)?;
        let database = Database::connect(&config).await?;
        for migration in database.migrate_up().await? {
            tracing::info!(migration, "applied a migration");
        }
        let gate = Gate { verifier: Arc::new(verifier(&config, &clock)), revocations: Arc::default() };
        let feed = Arc::new(feed(&config, &database, &gate.revocations, &clock));
        feed.catch_up().await?;
        let keyring = Arc::new(keyring(&config, &database, &masters, &gate.verifier, &clock).await?);
        let (policy, hasher) = passwords(&config)?;
        let config = Arc::new(config);
        let codec = Arc::new(RefreshCodec::new(&masters));
        Ok(Ground { config, clock, database, gate, feed, keyring, codec, policy, hasher }.build())
    }

    /// The schema as the binary serves it.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn schema(&self) -> IdentitySchema {
        self.provide(builder()).finish()
    }

    /// Gives a schema that has [`IdentityQuery`](crate::schema::IdentityQuery) or
    /// [`IdentityMutation`](crate::schema::IdentityMutation) among its parts what their resolvers need.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn provide<Q, M, S>(&self, builder: SchemaBuilder<Q, M, S>) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let loader = AccountLoader(self.accounts.clone());
        let builder = builder
            .data(DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default()))
            .data(self.accounts.clone())
            .data(self.sessions.clone())
            .data(self.audit.clone())
            .data(self.sign_in.clone())
            .data(self.admin.clone());
        match self.config.graphql.introspection {
            Introspection::Everyone => builder,
            // A suggestion tells names that introspection would not.
            Introspection::SignedIn | Introspection::Off => builder.disable_suggestions(),
        }
    }
}

/// What the capabilities stand on.
struct Ground {
    config: Arc<Config>,
    clock: Clock,
    database: Database,
    gate: Gate,
    feed: Arc<Feed>,
    keyring: Arc<Keyring>,
    codec: Arc<RefreshCodec>,
    policy: Policy,
    hasher: Hasher,
}

impl Ground {
    fn build(self) -> App {
        let Self { config, clock, database, gate, feed, keyring, codec, policy, hasher } = self;
        let throttle = Throttle::new(database.clone(), config.limits.clone(), clock.clone());
        let retention = Some(config.audit.retention).filter(|time| !time.is_zero());
        let audit = Audit::new(database.clone(), retention, clock.clone());
        let accounts =
            Accounts::new(database.clone(), config.clone(), feed.clone(), audit.clone(), clock.clone());
        let sessions = Sessions {
            database: database.clone(),
            clock: clock.clone(),
            config: config.clone(),
            accounts: accounts.clone(),
            feed: feed.clone(),
            audit: audit.clone(),
            keyring: keyring.clone(),
            codec,
        };
        let sign_in = SignIn {
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            hasher: hasher.clone(),
            policy,
            throttle: throttle.clone(),
            audit: audit.clone(),
            feed: feed.clone(),
            config: config.clone(),
        };
        let admin = Admin {
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            hasher,
            policy,
            feed: feed.clone(),
            keyring: keyring.clone(),
            audit: audit.clone(),
        };
        App {
            config,
            clock,
            database,
            gate,
            feed,
            keyring,
            throttle,
            audit,
            accounts,
            sessions,
            sign_in,
            admin,
            tasks: TaskTracker::new(),
        }
    }
}

fn master_secrets(config: &Config) -> Result<MasterSecrets, AppError> {
    let other = match (&config.other_secret, &config.other_secret_file) {
        (Some(secret), _) => Some(MasterSecret::new(secret)?),
        (None, Some(path)) => Some(MasterSecret::read(path)?),
        (None, None) => None,
    };
    Ok(MasterSecrets { current: master_secret(config)?, other })
}

/// The secret that is configured, or the one in the data folder, which is made when it is not there.
fn master_secret(config: &Config) -> Result<MasterSecret, AppError> {
    match (&config.secret, &config.secret_file) {
        (Some(secret), _) => return Ok(MasterSecret::new(secret)?),
        (None, Some(path)) => return Ok(MasterSecret::read(path)?),
        (None, None) => {}
    }
    let path = config.data_dir.join("secret");
    if path.exists() {
        return Ok(MasterSecret::read(&path)?);
    }
    let failed = |source| AppError::DataDir { path: config.data_dir.clone(), source };
    crate::database::make_private_folder(&config.data_dir).map_err(failed)?;
    tracing::info!(path = %path.display(), "made the master secret; keep a copy of it with your backups");
    Ok(MasterSecret::create(&path)?)
}

fn verifier(config: &Config, clock: &Clock) -> Verifier {
    let expected = Expected {
        issuer: config.given_issuer(),
        audience: config.tokens.audience.clone(),
        clock_skew: config.tokens.clock_skew,
        longest_life: config.tokens.access_ttl,
    };
    Verifier::new(&expected, KnownKeys::default(), clock.clone())
}

fn feed(config: &Config, database: &Database, revocations: &Arc<Revocations>, clock: &Clock) -> Feed {
    let longest_token = config.tokens.access_ttl + config.tokens.clock_skew;
    Feed::new(database.clone(), Arc::clone(revocations), FeedConfig { longest_token }, clock.clone())
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
    let sealers = masters.iter().map(|master| Sealer::new(master, "signing keys v1")).collect();
    let schedule = Schedule {
        algorithm: tokens.algorithm,
        signs_for: Some(tokens.key_rotation).filter(|time| !time.is_zero()),
        publish_ahead: tokens.key_publish_ahead,
        longest_token: tokens.access_ttl + tokens.clock_skew,
        remembered_for: tokens.refresh_ttl,
    };
    let (database, verifier, clock) = (database.clone(), Arc::clone(verifier), clock.clone());
    Ok(Keyring::open(database, sealers, schedule, from_file, verifier, clock).await?)
}

fn passwords(config: &Config) -> Result<(Policy, Hasher), AppError> {
    let passwords = &config.passwords;
    let policy = Policy::new(passwords.min_length, passwords.max_length, passwords.min_score)?;
    let cost = Cost::new(passwords.memory_kib, passwords.iterations, passwords.parallelism)?;
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let queue = NonZeroUsize::new(passwords.queue).unwrap_or(NonZeroUsize::MIN);
    let hasher =
        Hasher::start(cost, passwords.workers.unwrap_or(cores), queue, Arc::new(SystemRandom::new()))?;
    Ok((policy, hasher))
}
