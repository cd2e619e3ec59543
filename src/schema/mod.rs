//! The schema, which merges the root fields of every capability.

mod directives;
mod federation;
mod integers;
mod roots;
mod server;
mod subgraph;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Interface, MergedObject, MergedSubscription, Object,
    ObjectType, SubscriptionType,
};

pub use self::federation::{FederationQuery, finish_subgraph};
pub(crate) use self::server::ServerInfo;
use self::server::{PUBLIC_FIELDS, ServerQuery};
#[doc(hidden)]
pub use self::{
    integers::Int32,
    roots::{DuplicateField, IdentitySchema, Roots},
};
use crate::{
    account_export::graphql::AccountExportQuery,
    accounts::graphql::{AccountsMutation, AccountsQuery, User},
    admin::graphql::AdminMutation,
    audit::graphql::{AuditEventObject, AuditQuery, AuditSubscription},
    graphql::{ApiError, guarded},
    id::{EventId, PasskeyId, PersonalAccessTokenId, SessionId, UserId},
    operations::RootFieldPolicy,
    passkeys::graphql::{PasskeyObject, PasskeysMutation},
    personal_access_tokens::graphql::{PersonalAccessTokenObject, PersonalAccessTokensMutation},
    second_factors::graphql::SecondFactorsMutation,
    sessions::graphql::{SessionsMutation, SessionsQuery, UserSession},
    sign_in::graphql::{
        CREDENTIAL_FIELDS, EmailMutation, PasskeyLoginMutation, ReauthenticationMutation,
        RegistrationMutation, SecondFactorMutation, SignInMutation,
    },
    trusted_devices::graphql::TrustedDevicesMutation,
};

/// The root fields that need special treatment.
#[doc(hidden)]
pub const ROOT_FIELDS: RootFieldPolicy =
    RootFieldPolicy { credentials: &CREDENTIAL_FIELDS, public: &PUBLIC_FIELDS };

/// The queries of Portcullis, to merge with your own.
#[derive(Default, MergedObject)]
pub struct IdentityQuery(
    AccountsQuery,
    AccountExportQuery,
    ServerQuery,
    SessionsQuery,
    AuditQuery,
    NodeQuery,
    Int32,
);

/// The mutations of Portcullis, to merge with your own.
#[derive(Default, MergedObject)]
pub struct IdentityMutation(
    RegistrationMutation,
    SignInMutation,
    EmailMutation,
    ReauthenticationMutation,
    SecondFactorMutation,
    SecondFactorsMutation,
    PasskeysMutation,
    PasskeyLoginMutation,
    SessionsMutation,
    PersonalAccessTokensMutation,
    TrustedDevicesMutation,
    AccountsMutation,
    AdminMutation,
);

/// The subscriptions of Portcullis, to merge with your own.
#[derive(Default, MergedSubscription)]
pub struct IdentitySubscription(AuditSubscription);

/// All queries of the server.
#[doc(hidden)]
#[derive(Default, MergedObject)]
#[graphql(name = "Query")]
pub struct Query<Q: ObjectType = EmptyMutation>(IdentityQuery, Q);

/// All queries of the server.
#[doc(hidden)]
#[derive(Default, MergedObject)]
#[graphql(name = "Query")]
pub struct SubgraphQuery<Q: ObjectType = EmptyMutation>(IdentityQuery, FederationQuery, Q);

/// All mutations of the server.
#[doc(hidden)]
#[derive(Default, MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutation<M: ObjectType = EmptyMutation>(IdentityMutation, M);

/// All subscriptions of the server.
#[doc(hidden)]
#[derive(Default, MergedSubscription)]
#[graphql(name = "Subscription")]
pub struct Subscription<S: SubscriptionType = EmptySubscription>(IdentitySubscription, S);

/// An object with a globally unique ID (Relay's Global Object Identification).
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The ID of the object, the same wherever the object appears."
))]
enum Node {
    /// An account.
    User(User),
    /// A sign-in.
    Session(UserSession),
    /// A passkey.
    Passkey(PasskeyObject),
    /// A personal access token.
    PersonalAccessToken(PersonalAccessTokenObject),
    /// An event in the audit log.
    AuditEvent(AuditEventObject),
}

/// The maximum number of ids in one `nodes` field.
const MAX_NODES: usize = 100;

/// Nodes by their id.
#[derive(Default)]
struct NodeQuery;

#[guarded]
#[Object]
impl NodeQuery {
    /// The object with this ID. Null if it does not exist or if you may not see it.
    #[nullable]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An ID from any field of this schema.")] id: ID,
    ) -> Result<Option<Node>, ApiError> {
        find_node(ctx, &id).await
    }

    /// The objects with these IDs, in the same order. An item is null if the object does not exist or if you
    /// may not see it.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The IDs of the objects, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>, ApiError> {
        if ids.len() > MAX_NODES {
            return Err(ApiError::bad_user_input(format!("ids may hold at most {MAX_NODES} ids.")));
        }
        let mut nodes = Vec::with_capacity(ids.len());
        for id in &ids {
            nodes.push(find_node(ctx, id).await?);
        }
        Ok(nodes)
    }
}

/// Finds a node through the capabilities, which return only nodes that the caller may see.
async fn find_node(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>, ApiError> {
    if let Ok(id) = id.parse::<UserId>() {
        return Ok(User::visible(ctx, id).await?.map(Node::User));
    }
    if let Ok(id) = id.parse::<SessionId>() {
        return Ok(UserSession::visible(ctx, id).await?.map(Node::Session));
    }
    if let Ok(id) = id.parse::<PasskeyId>() {
        return Ok(PasskeyObject::visible(ctx, id).await?.map(Node::Passkey));
    }
    if let Ok(id) = id.parse::<PersonalAccessTokenId>() {
        return Ok(PersonalAccessTokenObject::visible(ctx, id).await?.map(Node::PersonalAccessToken));
    }
    if let Ok(id) = id.parse::<EventId>() {
        return Ok(AuditEventObject::visible(ctx, id).await?.map(Node::AuditEvent));
    }
    Ok(None)
}
