//! Builds the application from a configuration. All services are created here and nowhere else.

mod error;
mod infrastructure;
mod secrets;
mod services;

use std::sync::Arc;

use async_graphql::{
    ObjectType, SchemaBuilder, SubscriptionType,
    dataloader::DataLoader,
    runtime::{TokioSpawner, TokioTimer},
};
use tokio_util::task::TaskTracker;

pub use self::{
    error::AppError,
    secrets::{check_empty_database, load_master_secrets},
};
use self::{infrastructure::Infrastructure, secrets::FoundSecret};
use crate::{
    account_export::AccountExporter,
    accounts::{Accounts, graphql::AccountLoader},
    admin::Admin,
    audit::Audit,
    changes::ChangeFeed,
    clock::Clock,
    config::{Config, Introspection},
    database::{ApplicationMigrations, Database},
    graphql::FairQueue,
    hooks::HookRunner,
    http::{Authenticator, OpenStreams, page_documents},
    limits::Throttle,
    mail::Mail,
    operations::DocumentStore,
    passkeys::Passkeys,
    personal_access_tokens::PersonalAccessTokens,
    proofs::Proofs,
    replicas::Replicas,
    schema::{IdentitySchema, ROOT_FIELDS, Roots, ServerInfo, finish_subgraph},
    second_factors::SecondFactors,
    sessions::Sessions,
    sign_in::SignIn,
    status_lists::StatusLists,
    tokens::Keyring,
    trusted_devices::TrustedDevices,
};

/// The application: its services and the resources that they share. Large services are on the heap, so that futures that
/// hold the application stay small.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The clock.
    pub clock: Clock,
    /// The database.
    pub database: Database,
    /// The authenticator of requests.
    pub authenticator: Authenticator,
    /// The change feed that all replicas share.
    pub feed: Arc<ChangeFeed>,
    /// The signing keys.
    pub keyring: Arc<Keyring>,
    /// The status lists. `None` if they are off.
    pub status_lists: Option<Arc<StatusLists>>,
    /// The throttle for password attempts, registration and an account's own changes.
    pub throttle: Throttle,
    /// The audit log.
    pub audit: Audit,
    /// The outbox of messages by e-mail.
    pub mail: Mail,
    /// The proofs of e-mail addresses.
    pub proofs: Proofs,
    /// The passkeys.
    pub passkeys: Passkeys,
    /// The account service.
    pub accounts: Accounts,
    /// The exporter of accounts.
    pub exporter: Arc<AccountExporter>,
    /// The session service.
    pub sessions: Sessions,
    /// The service for second factors.
    pub second_factors: Arc<SecondFactors>,
    /// The service of personal access tokens.
    pub personal_access_tokens: Arc<PersonalAccessTokens>,
    /// The trusted devices.
    pub trusted_devices: Arc<TrustedDevices>,
    /// The sign-in service.
    pub sign_in: Arc<SignIn>,
    /// The service for privileged operations.
    pub admin: Arc<Admin>,
    /// The cache of parsed documents, and the trusted documents.
    pub documents: Arc<DocumentStore>,
    /// The replicas, that is the servers that use the database.
    pub replicas: Arc<Replicas>,
    /// The background tasks, which must end before the process does.
    pub tasks: TaskTracker,
    /// The open WebSocket connections and event streams.
    pub(crate) streams: Arc<OpenStreams>,
}

/// The parts that a program adds to the services.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppParts {
    /// The clock.
    pub(crate) clock: Clock,
    /// The migrations of the program's own tables.
    pub(crate) migrations: ApplicationMigrations,
    /// The hooks.
    pub(crate) hooks: HookRunner,
}

impl App {
    /// Opens the application: loads the secrets, applies migrations, opens the keyring and reads the revocations.
    ///
    /// # Errors
    /// The configuration is invalid, or a resource cannot be opened.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, AppError> {
        // On the heap, because the future is large.
        Box::pin(Self::open_with(config, AppParts { clock, ..AppParts::default() })).await
    }

    /// Opens the application as [`App::open`] does, with the parts that a program adds.
    pub(crate) async fn open_with(config: Config, parts: AppParts) -> Result<Self, AppError> {
        config.check()?;
        // The secret is checked before the database is opened: a start without access to it must not change anything.
        let secret = FoundSecret::find(&config)?;
        secret.check_missing_file(&config)?;
        let mut documents = DocumentStore::open(&config.graphql, ROOT_FIELDS)?;
        page_documents(&config.accounts.links).for_each(|text| documents.trust(&text));
        let documents = Arc::new(documents);
        let database = Database::connect(&config, parts.migrations).await?;
        let opened = Box::pin(Self::open_on(database.clone(), secret, documents, config, parts)).await;
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
        parts: AppParts,
    ) -> Result<Self, AppError> {
        if database.migrations().await?.applied.is_empty() {
            secret.check_empty_database(&config)?;
        }
        for migration in database.migrate_up().await? {
            tracing::info!(migration, "migration applied");
        }
        let masters = secret.load_or_create(&config, &database).await?;
        let infrastructure = Infrastructure::open(database, &masters, documents, config, parts.clock).await?;
        let app = infrastructure.build(parts.hooks);
        app.admin.ensure_active_key().await?;
        app.audit.reset_foreign_positions().await?;
        // The database now has keys that are encrypted with this secret.
        secrets::finalize(&app.config)?;
        Ok(app)
    }

    /// Closes the database. All requests and tasks must have ended. On SQLite, all data is then in one file, which can
    /// be copied.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// The schema that the binary serves.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
    #[must_use]
    pub fn schema(&self) -> IdentitySchema {
        if self.config.graphql.federation {
            IdentitySchema::Subgraph(finish_subgraph(self.provide(Roots::default().subgraph_builder())))
        } else {
            IdentitySchema::Standalone(self.provide(Roots::default().builder()).finish())
        }
    }

    /// Adds the data that the resolvers of [`IdentityQuery`](crate::schema::IdentityQuery),
    /// [`IdentityMutation`](crate::schema::IdentityMutation) and
    /// [`IdentitySubscription`](crate::schema::IdentitySubscription) need to a schema that contains them.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
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
            .data(ServerInfo::new(&self.config, self.mail.is_on()))
            .data(self.clock.clone())
            .data(self.database.clone())
            .data(self.throttle.clone())
            .data(self.accounts.clone())
            .data(self.exporter.clone())
            .data(self.sessions.clone())
            .data(self.passkeys.clone())
            .data(self.personal_access_tokens.clone())
            .data(self.trusted_devices.clone())
            .data(self.audit.clone())
            .data(SecondFactors::clone(&self.second_factors))
            .data(SignIn::clone(&self.sign_in))
            .data(Admin::clone(&self.admin));
        match self.config.graphql.introspection {
            Introspection::Everyone => builder,
            // Suggestions would reveal names that introspection hides.
            Introspection::SignedIn | Introspection::Off => builder.disable_suggestions(),
        }
    }
}
