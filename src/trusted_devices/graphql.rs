//! The GraphQL fields of trusted devices.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::SecretString;

use super::{TrustedDevice, TrustedDevices};
use crate::{
    accounts::graphql::DeletePayload,
    audit::Actor,
    graphql::{
        ApiError, DateTime, DeviceCookie, UserError, UserErrorCode, account_and_session, guarded, node_id,
        parse_id,
    },
};

/// A device on which you sign in without a second factor.
#[derive(SimpleObject)]
#[graphql(name = "TrustedDevice")]
pub struct TrustedDeviceObject {
    /// The ID of the device, with which `revokeTrustedDevice` ends the trust.
    id: ID,
    /// The User-Agent header of the last sign-in. Null if the client sent none.
    user_agent: Option<String>,
    /// The IP address of the client at the last sign-in. Null if it is unknown.
    ip_address: Option<String>,
    /// When the device was trusted, because you proved a second factor on it.
    created_at: DateTime,
    /// When you last signed in on the device without a second factor. Null if you never did.
    last_used_at: Option<DateTime>,
    /// When the device is no longer trusted, so that a sign-in needs a second factor.
    expires_at: DateTime,
}

impl From<TrustedDevice> for TrustedDeviceObject {
    fn from(device: TrustedDevice) -> Self {
        Self {
            id: node_id(device.id),
            user_agent: device.user_agent,
            ip_address: device.ip_address,
            created_at: DateTime(device.created_at),
            last_used_at: device.last_used_at.map(DateTime),
            expires_at: DateTime(device.expires_at),
        }
    }
}

/// The token of a device: that of the input, or otherwise that of the cookie.
#[must_use]
pub fn device_token(ctx: &Context<'_>, given: Option<SecretString>) -> Option<SecretString> {
    given.or_else(|| ctx.data_opt::<DeviceCookie>().map(|cookie| cookie.0.clone()))
}

/// The input of the `revokeTrustedDevice` mutation.
#[derive(InputObject)]
struct RevokeTrustedDeviceInput {
    /// The ID of the device that is no longer trusted.
    id: ID,
}

/// The mutation of trusted devices.
#[derive(Default)]
pub struct TrustedDevicesMutation;

#[guarded]
#[Object]
impl TrustedDevicesMutation {
    /// Ends the trust in one of your devices, so that a sign-in on it needs a second factor. Its sessions continue.
    #[authenticated]
    async fn revoke_trusted_device(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The device that is no longer trusted.")] input: RevokeTrustedDeviceInput,
    ) -> Result<Option<DeletePayload>, ApiError> {
        account_and_session(ctx)?;
        let id = parse_id(&input.id, "input.id")?;
        let devices = ctx.data_unchecked::<Arc<TrustedDevices>>();
        // On the heap, because the future of an object is as large as that of its largest field.
        Ok(Some(match Box::pin(devices.revoke(id, Actor::of(ctx))).await {
            Ok(true) => DeletePayload { deleted_id: Some(node_id(id)), errors: Vec::new() },
            Ok(false) => {
                let message = "The device is not trusted, or is not yours.";
                let error = UserError::of_field(UserErrorCode::NotFound, "id", message);
                DeletePayload { deleted_id: None, errors: vec![error] }
            }
            Err(error) => DeletePayload { deleted_id: None, errors: vec![error.into_user_error()?] },
        }))
    }
}
