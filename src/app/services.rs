//! The services, built from the resources that they share.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{App, infrastructure::Infrastructure};
use crate::{
    account_export::AccountExporter,
    accounts::{AccountServices, Accounts},
    admin::Admin,
    audit::Audit,
    hooks::HookRunner,
    http::OpenStreams,
    limits::RefreshLimit,
    passkeys::{PasskeyServices, Passkeys},
    personal_access_tokens::PersonalAccessTokens,
    second_factors::SecondFactors,
    sessions::Sessions,
    sign_in::SignIn,
    trusted_devices::TrustedDevices,
};

impl Infrastructure {
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
