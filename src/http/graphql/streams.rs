//! Open WebSockets and event streams: their number, their end, and the repeated check of their tokens.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::{Extensions, StatusCode};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::refusal::RequestError;
use crate::{
    config::StreamsConfig,
    graphql::{ApiError, TokenCheck},
    http::{Authenticator, bearer::is_blank},
    limits::{QuotaKey, QuotaPermit, Quotas, Slot, Slots, SlotsFull},
    listener::RequestConnection,
    tokens::{Caller, Claims, TokenError},
};

/// Interval of the token checks. The token is also checked before each event.
pub(super) const TOKEN_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The open WebSockets and event streams.
pub(crate) struct OpenStreams {
    /// Their limits.
    pub(super) limits: StreamsConfig,
    /// Cancelled when the server shuts down and all streams must end.
    pub(super) shutdown: CancellationToken,
    slots: Arc<Slots>,
    sessions: Arc<Quotas>,
}

/// The permit of one open stream.
pub(super) struct StreamPermit {
    slot: Slot,
    carrier: Option<RequestConnection>,
    /// The permit of the caller's session.
    session: Option<QuotaPermit>,
}

impl OpenStreams {
    /// An empty set of streams.
    #[must_use]
    pub(crate) fn new(limits: StreamsConfig) -> Arc<Self> {
        let slots = Slots::new(limits.max_open, limits.max_open_per_address, limits.init_timeout);
        Arc::new(Self { limits, shutdown: CancellationToken::new(), slots, sessions: Arc::default() })
    }

    /// Ends all open streams, and each stream that is opened later.
    pub(crate) fn close(&self) {
        self.shutdown.cancel();
    }

    /// Acquires the permit of a stream for a request with this address and these extensions.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` if too many streams are open, `OPERATION_LIMIT_EXCEEDED` if too many are from this
    /// network.
    pub(super) fn acquire(
        &self,
        address: IpAddr,
        extensions: &Extensions,
    ) -> Result<StreamPermit, RequestError> {
        let carrier = extensions.get::<RequestConnection>().cloned();
        match self.slots.try_acquire(address, false) {
            Ok(slot) => Ok(StreamPermit { slot, carrier, session: None }),
            Err(SlotsFull::Network) => {
                let name = "http.streams.max_open_per_address";
                Err(too_many(name, self.limits.max_open_per_address))
            }
            Err(SlotsFull::Total) => {
                tracing::warn!("stream rejected: http.streams.max_open reached");
                let mut error = ApiError::unavailable(Duration::from_secs(1));
                error.message = "Too many open streams (http.streams.max_open). Retry after 1 s.".into();
                Err(RequestError(StatusCode::SERVICE_UNAVAILABLE, error))
            }
        }
    }

    /// Checks the memory that the operations of one stream hold, in bytes.
    ///
    /// # Errors
    /// `OPERATION_LIMIT_EXCEEDED` if it exceeds `http.streams.max_document_bytes`.
    pub(super) fn limit_memory(&self, bytes: usize) -> Result<(), RequestError> {
        let max = self.limits.max_document_bytes;
        if bytes <= max {
            return Ok(());
        }
        Err(RequestError(
            StatusCode::BAD_REQUEST,
            ApiError::limit_exceeded("http.streams.max_document_bytes", max),
        ))
    }

    /// Acquires the permit of the caller's session or personal access token. Streams of signed-in callers are evicted
    /// last.
    ///
    /// # Errors
    /// `OPERATION_LIMIT_EXCEEDED` if the session has too many open streams.
    pub(super) fn acquire_for_session(
        &self,
        permit: &mut StreamPermit,
        caller: &Caller,
    ) -> Result<(), RequestError> {
        let account = caller.claims().and_then(Claims::account);
        let Some(source) = account.map(|account| account.source) else { return Ok(()) };
        let max = self.limits.max_open_per_session;
        let quota = self.sessions.try_acquire(QuotaKey::Source(source), max);
        permit.session = Some(quota.ok_or_else(|| too_many("http.streams.max_open_per_session", max))?);
        let priority = permit.slot.priority();
        priority.is_signed_in.store(true, Ordering::Relaxed);
        // A busy stream is not evicted for every newcomer. An anonymous stream is never marked busy: it is evicted
        // first.
        priority.is_busy.store(true, Ordering::Relaxed);
        if let Some(carrier) = &permit.carrier {
            carrier.signed_in();
        }
        Ok(())
    }
}

impl StreamPermit {
    /// A token that is cancelled when the stream is evicted to make room for another.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.slot.evicted()
    }
}

fn too_many(limit: &str, max: usize) -> RequestError {
    RequestError(StatusCode::TOO_MANY_REQUESTS, ApiError::limit_exceeded(limit, max))
}

/// An interval whose first tick comes after one period.
pub(super) fn delayed_interval(time: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + time, time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The caller of a stream, and the token that must stay valid while the stream is open.
pub(super) struct StreamCredentials {
    pub(super) caller: Caller,
    token: Option<TokenCheck>,
}

impl StreamCredentials {
    /// The credentials of an anonymous caller.
    pub(super) const fn anonymous(error: TokenError) -> Self {
        Self { caller: Caller::Anonymous(error), token: None }
    }

    /// Authenticates the caller by a value in the format of an Authorization header. A value without a token is
    /// anonymous, as over HTTP.
    ///
    /// # Errors
    /// If the token is invalid.
    pub(super) async fn authenticate(
        authorization: &str,
        authenticator: &Authenticator,
    ) -> Result<Self, TokenError> {
        if is_blank(authorization) {
            return Ok(Self::anonymous(TokenError::Malformed));
        }
        let caller = authenticator.authenticate_header(authorization).await?;
        let token = authenticator.token_check(&caller);
        Ok(Self::new(caller, token))
    }

    /// The credentials of a caller. [`StreamCredentials::verify`] checks the token again.
    pub(super) const fn new(caller: Caller, token: Option<TokenCheck>) -> Self {
        Self { caller, token }
    }

    /// Checks that the token, if there is one, is still valid.
    ///
    /// # Errors
    /// If it has expired or was revoked.
    pub(super) fn verify(&self) -> Result<(), TokenError> {
        self.token.as_ref().map_or(Ok(()), TokenCheck::check)
    }

    /// The token check that guards repeat. It shares the memory of the claims.
    pub(super) fn token(&self) -> Option<TokenCheck> {
        self.token.clone()
    }
}
