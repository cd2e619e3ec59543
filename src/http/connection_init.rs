use async_graphql::{Data, Error};
use serde_json::{Map, Value};

use super::{Authenticator, bearer::is_blank};
use crate::tokens::{Caller, TokenError};

impl Authenticator {
    /// Authenticates a WebSocket by the payload of its `connection_init` message. Returns the context data of the
    /// operations: the [`Caller`], and the [`TokenCheck`](crate::graphql::TokenCheck) if there is a token. This is
    /// the callback that `on_connection_init` of async-graphql takes.
    ///
    /// The token is in the member `authorization` (in any case), written as in the HTTP header. Without a token the
    /// caller is anonymous.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use serde_json::json;
    ///
    /// let server = TestServer::start(Portcullis::builder()).await;
    /// let ada = server.sign_in("ada", &[]).await;
    /// let authenticator = server.portcullis().authenticator();
    /// let payload = json!({ "authorization": format!("Bearer {}", ada.access_token) });
    /// assert!(authenticator.connection_init(&payload).await.is_ok());
    /// assert!(authenticator.connection_init(&json!({ "authorization": "Bearer x" })).await.is_err());
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// The code of the [`TokenError`], such as `TOKEN_EXPIRED`. async-graphql closes the WebSocket with this reason.
    pub async fn connection_init(&self, payload: &Value) -> Result<Data, Error> {
        self.context_data(payload).await.map_err(|error| Error::new(<&str>::from(error)))
    }

    async fn context_data(&self, payload: &Value) -> Result<Data, TokenError> {
        let authorization = match payload {
            Value::Null => None,
            Value::Object(payload) => payload_authorization(payload)?,
            _ => return Err(TokenError::Malformed),
        };
        let mut data = Data::default();
        match authorization {
            None => data.insert(Caller::Anonymous(TokenError::Missing)),
            Some(value) if is_blank(value) => data.insert(Caller::Anonymous(TokenError::Malformed)),
            Some(value) => {
                let caller = self.authenticate_header(value).await?;
                if let Some(token_check) = self.token_check(&caller) {
                    data.insert(token_check);
                }
                data.insert(caller);
            }
        }
        Ok(data)
    }
}

/// The token in the payload of `connection_init`. The name of the member is that of the HTTP header, in any case.
pub(super) fn payload_authorization(payload: &Map<String, Value>) -> Result<Option<&str>, TokenError> {
    let mut found = None;
    for (_, value) in payload.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        match (value, found) {
            (Value::Null, _) => {}
            (Value::String(value), None) => found = Some(value.as_str()),
            (Value::String(value), Some(other)) if value == other => {}
            _ => return Err(TokenError::Malformed),
        }
    }
    Ok(found)
}
