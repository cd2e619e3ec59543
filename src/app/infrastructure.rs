use std::{num::NonZeroUsize, sync::Arc};

use aws_lc_rs::rand::SystemRandom;
use tokio_util::task::TaskTracker;

use super::{App, AppError};
use crate::{
    account_export::AccountExporter,
    accounts::{AccountServices, Accounts},
    admin::Admin,
    audit::Audit,
    changes::ChangeFeed,
    clock::Clock,
    config::Config,
    database::Database,
    hooks::HookRunner,
    http::{Authenticator, OpenStreams},
    limits::{RefreshLimit, Throttle},
    mail::Mail,
    operations::DocumentStore,
    passkeys::{Challenges, PasskeyServices, Passkeys},
    passwords::{Argon2Cost, HashBounds, Hasher, Policy},
    personal_access_tokens::PersonalAccessTokens,
    proofs::Proofs,
    replicas::{Replicas, Settings},
    second_factors::SecondFactors,
    secret::{MasterSecrets, Sealers},
    sessions::Sessions,
    sign_in::SignIn,
    status_lists::StatusLists,
    tokens::{
        Keyring, RefreshCodec, RotationSchedule, SigningKey, TokenFormat, VerificationKeys, Verifier,
        VerifierConfig,
    },
    trusted_devices::TrustedDevices,
};

/// The resources that the services share.
pub(super) struct Infrastructure {
    config: Arc<Config>,
    clock: Clock,
    database: Database,
    documents: Arc<DocumentStore>,
    authenticator: Authenticator,
    feed: Arc<ChangeFeed>,
    keyring: Arc<Keyring>,
    status_lists: Option<Arc<StatusLists>>,
    replicas: Arc<Replicas>,
    codec: Arc<RefreshCodec>,
    mail: Mail,
    throttle: Throttle,
    proofs: Proofs,
    factor_sealers: Arc<Sealers>,
    challenges: Challenges,
    policy: Policy,
    hasher: Hasher,
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

    /// Builds the services.
    pub(super) fn build(self, hooks: HookRunner) -> App {
        let (config, clock, database, feed) = (&self.config, &self.clock, &self.database, &self.feed);
        let retention = Some(config.audit.retention).filter(|time| !time.is_zero());
        let audit = Audit::new(database.clone(), feed.clone(), retention, clock.clone());
        let audit = if hooks.is_some() { audit.handling_own_events() } else { audit };
        let services = AccountServices {
            feed: feed.clone(),
            audit: audit.clone(),
            hooks,
            proofs: self.proofs.clone(),
            mail: self.mail.clone(),
        };
        let accounts = Accounts::new(database.clone(), config.clone(), clock.clone(), services);
        let tasks = TaskTracker::new();
        let personal_access_tokens = self.personal_access_tokens(&accounts, &audit, &tasks);
        let trusted_devices = self.trusted_devices(&accounts, &audit);
        let sessions = self.sessions(&accounts, &audit, &personal_access_tokens, &trusted_devices);
        let passkeys = self.passkeys(&accounts, &audit);
        let second_factors = self.second_factors(&accounts, &sessions, &passkeys, &audit);
        let exporter = AccountExporter {
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            personal_access_tokens: personal_access_tokens.clone(),
            audit: audit.clone(),
            mail: self.mail.clone(),
            proofs: self.proofs.clone(),
            second_factors: second_factors.clone(),
            trusted_devices: trusted_devices.clone(),
            passkeys: passkeys.clone(),
            clock: clock.clone(),
        };
        App {
            exporter: Arc::new(exporter),
            streams: OpenStreams::new(config.http.streams.clone()),
            sign_in: Arc::new(self.sign_in(&accounts, &sessions, &passkeys, &second_factors, &audit)),
            admin: Arc::new(self.admin(&accounts, &sessions, &second_factors, &audit)),
            second_factors: Arc::new(second_factors),
            audit,
            mail: self.mail,
            proofs: self.proofs,
            throttle: self.throttle,
            passkeys,
            accounts,
            sessions,
            tasks,
            config: self.config,
            clock: self.clock,
            database: self.database,
            documents: self.documents,
            authenticator: self.authenticator.with_opaque_tokens(personal_access_tokens.clone()),
            personal_access_tokens,
            trusted_devices,
            feed: self.feed,
            keyring: self.keyring,
            status_lists: self.status_lists,
            replicas: self.replicas,
        }
    }

    fn personal_access_tokens(
        &self,
        accounts: &Accounts,
        audit: &Audit,
        tasks: &TaskTracker,
    ) -> Arc<PersonalAccessTokens> {
        Arc::new(PersonalAccessTokens {
            database: self.database.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            accounts: accounts.clone(),
            feed: self.feed.clone(),
            revocations: self.authenticator.revocations.clone(),
            audit: audit.clone(),
            mail: self.mail.clone(),
            keyring: self.keyring.clone(),
            tasks: tasks.clone(),
            cache: Arc::default(),
        })
    }

    fn sessions(
        &self,
        accounts: &Accounts,
        audit: &Audit,
        personal_access_tokens: &Arc<PersonalAccessTokens>,
        trusted_devices: &Arc<TrustedDevices>,
    ) -> Sessions {
        let limits = &self.config.limits;
        let refreshes = limits.enabled.then_some(limits.refreshes_per_minute);
        Sessions {
            database: self.database.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            accounts: accounts.clone(),
            feed: self.feed.clone(),
            audit: audit.clone(),
            keyring: self.keyring.clone(),
            codec: self.codec.clone(),
            status_lists: self.status_lists.clone(),
            personal_access_tokens: personal_access_tokens.clone(),
            trusted_devices: trusted_devices.clone(),
            refreshes: Arc::new(RefreshLimit::new(refreshes, self.clock.clone())),
        }
    }

    fn trusted_devices(&self, accounts: &Accounts, audit: &Audit) -> Arc<TrustedDevices> {
        Arc::new(TrustedDevices {
            database: self.database.clone(),
            clock: self.clock.clone(),
            config: self.config.clone(),
            accounts: accounts.clone(),
            audit: audit.clone(),
            feed: self.feed.clone(),
        })
    }

    fn second_factors(
        &self,
        accounts: &Accounts,
        sessions: &Sessions,
        passkeys: &Passkeys,
        audit: &Audit,
    ) -> SecondFactors {
        SecondFactors {
            database: self.database.clone(),
            clock: self.clock.clone(),
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            passkeys: passkeys.clone(),
            proofs: self.proofs.clone(),
            throttle: self.throttle.clone(),
            mail: self.mail.clone(),
            audit: audit.clone(),
            config: self.config.clone(),
            feed: self.feed.clone(),
            sealers: self.factor_sealers.clone(),
        }
    }

    fn passkeys(&self, accounts: &Accounts, audit: &Audit) -> Passkeys {
        Passkeys::new(PasskeyServices {
            database: self.database.clone(),
            clock: self.clock.clone(),
            accounts: accounts.clone(),
            audit: audit.clone(),
            challenges: self.challenges.clone(),
            relying_party: Passkeys::relying_party_of(&self.config),
        })
    }

    fn sign_in(
        &self,
        accounts: &Accounts,
        sessions: &Sessions,
        passkeys: &Passkeys,
        second_factors: &SecondFactors,
        audit: &Audit,
    ) -> SignIn {
        SignIn {
            database: self.database.clone(),
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            passkeys: passkeys.clone(),
            hasher: self.hasher.clone(),
            policy: self.policy,
            throttle: self.throttle.clone(),
            proofs: self.proofs.clone(),
            second_factors: second_factors.clone(),
            mail: self.mail.clone(),
            audit: audit.clone(),
            feed: self.feed.clone(),
            config: self.config.clone(),
        }
    }

    fn admin(
        &self,
        accounts: &Accounts,
        sessions: &Sessions,
        second_factors: &SecondFactors,
        audit: &Audit,
    ) -> Admin {
        Admin {
            database: self.database.clone(),
            accounts: accounts.clone(),
            sessions: sessions.clone(),
            hasher: self.hasher.clone(),
            policy: self.policy,
            throttle: self.throttle.clone(),
            proofs: self.proofs.clone(),
            second_factors: second_factors.clone(),
            mail: self.mail.clone(),
            feed: self.feed.clone(),
            keyring: self.keyring.clone(),
            audit: audit.clone(),
            config: self.config.clone(),
        }
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
