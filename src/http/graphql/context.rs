use async_graphql::{Executor, Request as GraphqlRequest};
use axum::http::{StatusCode, request::Parts};
use secrecy::ExposeSecret;

use super::{endpoint::Endpoint, refusal::RequestError, streams::StreamCredentials};
use crate::{
    client::ClientInfo,
    graphql::{
        ApiError, DeviceCookie, ErrorCode, ExpiredSession, LastEventId, RefreshCookie, TokenCheck, Transport,
    },
    tokens::{Caller, TokenCookie},
};

/// The caller, client address, cookie and transport of a request.
pub(super) struct RequestContext {
    pub(super) caller: Caller,
    pub(super) client: ClientInfo,
    pub(super) token: Option<TokenCheck>,
    expired_session: ExpiredSession,
    cookie: RefreshCookie,
    device: Option<DeviceCookie>,
    last_event: Option<LastEventId>,
    transport: Transport,
}

impl RequestContext {
    /// The context of an HTTP request.
    ///
    /// # Errors
    /// If a page of another origin sent the cookie (CSRF).
    pub(super) fn from_http<E: Executor>(
        endpoint: &Endpoint<E>,
        client: ClientInfo,
        parts: &Parts,
        caller: Caller,
    ) -> Result<Self, RequestError> {
        let cookie = RefreshCookie(TokenCookie::Refresh.read(&parts.headers, &endpoint.http));
        if cookie.0.is_some() && endpoint.origins.is_cross_origin(parts) {
            let message =
                "The origin of the page is not in http.cors_origins, so the page cannot use the cookie.";
            return Err(RequestError(StatusCode::FORBIDDEN, ApiError::new(ErrorCode::Forbidden, message)));
        }
        // Without the refresh cookie, a page of another origin may send requests, but must not use this cookie either.
        let device = TokenCookie::Device.read(&parts.headers, &endpoint.http);
        let device = device.filter(|_| !endpoint.origins.is_cross_origin(parts)).map(DeviceCookie);
        let last_event = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok());
        Ok(Self {
            client,
            token: endpoint.authenticator.token_check(&caller),
            expired_session: ExpiredSession(endpoint.authenticator.expired_session(&parts.headers, &caller)),
            cookie,
            device,
            last_event: last_event.filter(|id| !id.is_empty()).map(|id| LastEventId(id.to_owned())),
            transport: Transport::Http,
            caller,
        })
    }

    /// The context of a WebSocket. Its cookies are ignored, and it cannot set any.
    pub(super) fn for_websocket(credentials: &StreamCredentials, client: ClientInfo) -> Self {
        Self {
            caller: credentials.caller.clone(),
            client,
            token: credentials.token(),
            expired_session: ExpiredSession::default(),
            cookie: RefreshCookie::default(),
            device: None,
            last_event: None,
            transport: Transport::WebSocket,
        }
    }

    /// The memory of the context, in bytes. A subscription holds it while it runs.
    pub(super) fn size(&self) -> usize {
        let cookie = self.cookie.0.as_ref().map_or(0, |cookie| cookie.expose_secret().len());
        let device = self.device.as_ref().map_or(0, |cookie| cookie.0.expose_secret().len());
        let last_event = self.last_event.as_ref().map_or(0, |id| id.0.len());
        cookie + device + last_event + self.client.user_agent.as_ref().map_or(0, String::len)
    }

    /// Inserts the context into the data of an operation, except what is absent.
    pub(super) fn insert_into(&self, operation: &mut GraphqlRequest) {
        let data = &mut operation.data;
        data.insert(self.caller.clone());
        data.insert(self.client.clone());
        // Without a transport, it is HTTP.
        if self.transport == Transport::WebSocket {
            data.insert(self.transport);
        }
        if self.expired_session.0.is_some() {
            data.insert(self.expired_session);
        }
        if self.cookie.0.is_some() {
            data.insert(self.cookie.clone());
        }
        if let Some(device) = &self.device {
            data.insert(device.clone());
        }
        if let Some(token) = &self.token {
            data.insert(token.clone());
        }
        if let Some(last) = &self.last_event {
            data.insert(last.clone());
        }
    }
}
