//! Configuration in, everything else out. The only place where things are built.

mod error;
mod secrets;

use std::{num::NonZeroUsize, sync::Arc};

use async_graphql::{
    ObjectType, SchemaBuilder, SubscriptionType,
    dataloader::DataLoader,
    runtime::{TokioSpawner, TokioTimer},
};
use aws_lc_rs::rand::SystemRandom;
use tokio_util::task::TaskTracker;

use self::secrets::FoundSecret;
pub use self::{
    error::AppError,
    secrets::{check_empty_database, load_master_secrets},
};
use crate::{
    accounts::{Accounts, graphql::AccountLoader},
    admin::Admin,
    audit::Audit,
    changes::ChangeFeed,
    clock::Clock,
    config::{Config, Introspection},
    database::Database,
    graphql::FairQueue,
    http::{Authenticator, OpenStreams},
    limits::{RefreshLimit, Throttle},
    operations::DocumentStore,
    passwords::{Argon2Cost, Hasher, Policy},
    replicas::{Replicas, Settings},
    schema::{IdentitySchema, ROOT_FIELDS, ServerInfo, builder, finish_subgraph},
    secret::{MasterSecrets, Sealers},
    sessions::Sessions,
    sign_in::SignIn,
    tokens::{
        Keyring, RefreshCodec, RotationSchedule, SigningKey, VerificationKeys, Verifier, VerifierConfig,
    },
};

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
    pub authenticator: Authenticator,
    /// What replicas tell each other.
    pub feed: Arc<ChangeFeed>,
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
    /// What need not be parsed again.
    pub documents: Arc<DocumentStore>,
    /// The servers that run on the database.
    pub replicas: Arc<Replicas>,
    /// What runs beside the requests, and must end before the program does.
    pub tasks: TaskTracker,
    /// The sockets and event streams that are open.
    pub(crate) streams: Arc<OpenStreams>,
}

impl App {
    /// Builds the program: opens the database and brings it up to date, opens the keyring, and reads
    /// which tokens are revoked.
    ///
    /// # Errors
    /// Whatever of it cannot be had.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, AppError> {
        config.check()?;
        // The secret is checked before the database is opened: a start without access to it must not change anything.
        let secret = FoundSecret::find(&config)?;
        secret.check_missing_file(&config)?;
        let documents = Arc::new(DocumentStore::open(&config.graphql, ROOT_FIELDS)?);
        let database = Database::connect(&config).await?;
        let opened = Box::pin(Self::open_on(database.clone(), secret, documents, config, clock)).await;
        if opened.is_err() {
            database.close().await;
        }
        opened
    }

    async fn open_on(
        database: Database,
        secret: FoundSecret,
        documents: Arc<DocumentStore>,
        config: Config,
        clock: Clock,
    ) -> Result<Self, AppError> {
        if database.migrations().await?.applied.is_empty() {
            secret.check_empty_database(&config)?;
        }
        for migration in database.migrate_up().await? {
            tracing::info!(migration, "migration applied");
        }
        let masters = secret.load_or_create(&config, &database).await?;
        let authenticator =
            Authenticator { verifier: Arc::new(verifier(&config, &clock)), revocations: Arc::default() };
        let feed = ChangeFeed::new(database.clone(), Arc::clone(&authenticator.revocations), clock.clone());
        let feed = Arc::new(feed);
        feed.reset_foreign_positions().await?;
        feed.catch_up().await?;
        let keyring = Arc::new(keyring(&config, &database, &masters, &authenticator.verifier, &clock).await?);
        let (policy, hasher) = passwords(&config)?;
        let config = Arc::new(config);
        let codec = Arc::new(RefreshCodec::new(&masters));
        let settings = Settings::new(&config, &masters.current, keyring.kid_of_file());
        let address = config.http.listen.to_string();
        let replicas = Arc::new(Replicas::new(database.clone(), clock.clone(), address, settings));
        let app = Ground {
            config,
            clock,
            database,
            documents,
            authenticator,
            feed,
            keyring,
            replicas,
            codec,
            policy,
            hasher,
        }
        .build();
        app.admin.ensure_active_key().await?;
        app.audit.reset_foreign_positions().await?;
        // The database now has keys that are encrypted with this secret.
        secrets::finalize(&app.config)?;
        Ok(app)
    }

    /// Closes the database, after everything that uses it has ended. On SQLite this leaves one file, which can be
    /// copied.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// The schema as the binary serves it.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn schema(&self) -> IdentitySchema {
        if self.config.graphql.federation {
            IdentitySchema::Subgraph(finish_subgraph(self.provide(builder())))
        } else {
            IdentitySchema::Standalone(self.provide(builder()).finish())
        }
    }

    /// Gives a schema that has [`IdentityQuery`](crate::schema::IdentityQuery),
    /// [`IdentityMutation`](crate::schema::IdentityMutation) or
    /// [`IdentitySubscription`](crate::schema::IdentitySubscription) among its parts what their resolvers need.
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
            .data(FairQueue::new(self.config.http.request_timeout))
            .data(DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default()))
            .data(ServerInfo::new(&self.config))
            .data(self.throttle.clone())
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
    documents: Arc<DocumentStore>,
    authenticator: Authenticator,
    feed: Arc<ChangeFeed>,
    keyring: Arc<Keyring>,
    replicas: Arc<Replicas>,
    codec: Arc<RefreshCodec>,
    policy: Policy,
    hasher: Hasher,
}

impl Ground {
    fn build(self) -> App {
        let Self {
            config,
            clock,
            database,
            documents,
            authenticator,
            feed,
            keyring,
            replicas,
            codec,
            policy,
            hasher,
        } = self;
        let throttle = Throttle::new(database.clone(), config.limits.clone(), clock.clone());
        let retention = Some(config.audit.retention).filter(|time| !time.is_zero());
        let audit = Audit::new(database.clone(), feed.clone(), retention, clock.clone());
        let accounts =
            Accounts::new(database.clone(), config.clone(), feed.clone(), audit.clone(), clock.clone());
        let refreshes = config.limits.enabled.then_some(config.limits.refreshes_per_minute);
        let sessions = Sessions {
            database: database.clone(),
            clock: clock.clone(),
            config: config.clone(),
            accounts: accounts.clone(),
            feed: feed.clone(),
            audit: audit.clone(),
            keyring: keyring.clone(),
            codec,
            refreshes: Arc::new(RefreshLimit::new(refreshes, clock.clone())),
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
            throttle: throttle.clone(),
            feed: feed.clone(),
            keyring: keyring.clone(),
            audit: audit.clone(),
        };
        let streams = OpenStreams::new(config.http.streams.clone());
        App {
            config,
            clock,
            database,
            documents,
            authenticator,
            feed,
            keyring,
            throttle,
            audit,
            accounts,
            sessions,
            sign_in,
            admin,
            replicas,
            tasks: TaskTracker::new(),
            streams,
        }
    }
}

fn verifier(config: &Config, clock: &Clock) -> Verifier {
    let verifier_config = VerifierConfig {
        issuer: config.configured_issuer(),
        audience: config.tokens.audience.clone(),
        clock_skew: config.tokens.clock_skew,
        max_lifetime: config.tokens.access_ttl,
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
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let queue = NonZeroUsize::new(passwords.queue).unwrap_or(NonZeroUsize::MIN);
    let hasher =
        Hasher::start(cost, passwords.workers.unwrap_or(cores), queue, Arc::new(SystemRandom::new()))?;
    Ok((policy, hasher))
}
