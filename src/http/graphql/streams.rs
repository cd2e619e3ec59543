//! What sockets and event streams have in common: how many there are, when they must end, and for how long
//! their token counts.

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
    tokens::{Caller, TokenError},
};

/// How often it is asked whether a token still counts, besides before each event.
pub(super) const TOKEN_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The sockets and event streams that are open.
pub(crate) struct OpenStreams {
    /// Their limits.
    pub(super) limits: StreamsConfig,
    /// Is cancelled when all must end.
    pub(super) closing: CancellationToken,
    slots: Arc<Slots>,
    sessions: Arc<Quotas>,
}

/// The permit of one open stream.
pub(super) struct StreamPermit {
    slot: Slot,
    carrier: Option<RequestConnection>,
    /// The share of the caller's session.
    session: Option<QuotaPermit>,
}

impl OpenStreams {
    /// None yet.
    #[must_use]
    pub(crate) fn new(limits: StreamsConfig) -> Arc<Self> {
        let slots = Slots::new(limits.max_open, limits.max_open_per_address, limits.init_timeout);
        Arc::new(Self { limits, closing: CancellationToken::new(), slots, sessions: Arc::default() })
    }

    /// Ends all that are open, and those that come.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// The permit of a stream that is opened from this address, by a request with these extensions.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` when there are too many, `OPERATION_LIMIT_EXCEEDED` when too many are from there.
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
                tracing::warn!("a stream was refused, for there are http.streams.max_open already");
                let mut failure = ApiError::unavailable(Duration::from_secs(1));
                failure.message = "There are http.streams.max_open streams already; try again soon.".into();
                Err(RequestError(StatusCode::SERVICE_UNAVAILABLE, failure))
            }
        }
    }

    /// Checks the memory that the operations of one stream keep, in bytes.
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

    /// Notes who uses a stream. One of a signed-in caller is closed last when there are too many.
    ///
    /// # Errors
    /// `OPERATION_LIMIT_EXCEEDED` when the caller's session has too many.
    pub(super) fn identify(&self, permit: &mut StreamPermit, caller: &Caller) -> Result<(), RequestError> {
        let Some(session) = caller.session() else { return Ok(()) };
        let max = self.limits.max_open_per_session;
        let share = self.sessions.try_acquire(QuotaKey::Session(session), max);
        permit.session = Some(share.ok_or_else(|| too_many("http.streams.max_open_per_session", max))?);
        let priority = permit.slot.priority();
        priority.is_signed_in.store(true, Ordering::Relaxed);
        // It need not yield to just any newcomer: that an anonymous stream does is its smaller share.
        priority.is_busy.store(true, Ordering::Relaxed);
        if let Some(carrier) = &permit.carrier {
            carrier.signed_in();
        }
        Ok(())
    }
}

impl StreamPermit {
    /// Is cancelled when the stream must make room for another.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.slot.evicted()
    }
}

fn too_many(limit: &str, most: usize) -> RequestError {
    RequestError(StatusCode::TOO_MANY_REQUESTS, ApiError::limit_exceeded(limit, most))
}

/// Ticks for the first time when the time has passed once.
pub(super) fn delayed_interval(time: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + time, time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Who has opened a stream, and the token that must count for as long as it is open.
pub(super) struct StreamCredentials {
    pub(super) caller: Caller,
    token: Option<TokenCheck>,
}

impl StreamCredentials {
    /// The pass of somebody who need not have a token.
    pub(super) const fn anonymous(rejection: TokenError) -> Self {
        Self { caller: Caller::Anonymous(rejection), token: None }
    }

    /// The pass of the bearer of a token, which comes as in an Authorization header. A value without a token is
    /// anonymous, as it is over HTTP.
    ///
    /// # Errors
    /// Why it does not count.
    pub(super) fn authenticate(
        authorization: &str,
        authenticator: &Authenticator,
    ) -> Result<Self, TokenError> {
        if is_blank(authorization) {
            return Ok(Self::anonymous(TokenError::Malformed));
        }
        Ok(Self::new(
            authenticator.authenticate_header(authorization)?,
            authenticator.token_check(authorization),
        ))
    }

    /// The pass of a caller whose token this is. Whether it still counts is for [`StreamCredentials::check`] to say.
    pub(super) const fn new(caller: Caller, token: Option<TokenCheck>) -> Self {
        Self { caller, token }
    }

    /// The memory of the token, in bytes.
    pub(super) fn size(&self) -> usize {
        self.token.as_ref().map_or(0, TokenCheck::size)
    }

    /// Says that the token still counts, where there is one.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn check(&self) -> Result<(), TokenError> {
        self.token.as_ref().map_or(Ok(()), TokenCheck::check)
    }

    /// The check that guards repeat. It shares the memory of the token.
    pub(super) fn token(&self) -> Option<TokenCheck> {
        self.token.clone()
    }
}
