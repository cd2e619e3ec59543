use std::sync::Arc;

use async_graphql::{
    Request, ServerResult, async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest},
};

use super::{DocumentStore, OperationInfo, RequestTotals, prepare::prepare};
use crate::{
    config::Introspection,
    graphql::{ApiError, ErrorCode},
    tokens::{Caller, Claims, TokenError},
};

impl DocumentStore {
    /// Finds the document of a request and checks the operation: the limits, the trusted documents, and who may
    /// introspect. Stores the parsed document in the request.
    ///
    /// # Errors
    /// The errors of [`DocumentStore::find`], `GRAPHQL_VALIDATION_FAILED` if there is no such operation or introspection is
    /// disabled, `BAD_USER_INPUT` if a variable is missing, `OPERATION_LIMIT_EXCEEDED`, `UNAUTHENTICATED` if only
    /// signed-in callers may introspect, or `FORBIDDEN` if a personal access token would check or set a credential.
    pub fn prepare(
        &self,
        request: &mut Request,
        caller: &Caller,
        totals: &mut RequestTotals,
    ) -> Result<OperationInfo, ApiError> {
        let document = self.find(request)?;
        let info = prepare(request, &document, &self.config, self.fields, totals)?;
        if info.has_credential && caller.claims().is_some_and(Claims::is_personal_access_token) {
            return Err(ApiError::session_required());
        }
        if info.introspects {
            self.allow_introspection(caller)?;
        }
        Ok(info)
    }

    fn allow_introspection(&self, caller: &Caller) -> Result<(), ApiError> {
        match (self.config.introspection, caller) {
            (Introspection::Everyone, _) | (Introspection::SignedIn, Caller::Authenticated(_)) => Ok(()),
            (Introspection::SignedIn, Caller::Anonymous(error)) => Err(ApiError::unauthenticated(*error)),
            (Introspection::Off, _) => {
                Err(ApiError::new(ErrorCode::ValidationFailed, "Introspection is disabled on this server."))
            }
        }
    }
}

/// An extension that checks each operation of a schema as the GraphQL endpoint does: the limits of documents, persisted
/// and trusted documents, and introspection. Add it to a schema that you serve by a transport of your own. The caller is
/// the [`Caller`] in the data of the request.
///
/// The endpoint of Portcullis does the same without an extension, because async-graphql resolves each field of a schema
/// with extensions through all of them.
#[derive(Clone, Debug)]
pub struct OperationChecks(Arc<DocumentStore>);

impl OperationChecks {
    /// The checks of these documents.
    #[must_use]
    #[doc(hidden)]
    pub fn new(documents: Arc<DocumentStore>) -> Self {
        Self(documents)
    }
}

impl ExtensionFactory for OperationChecks {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Extension for OperationChecks {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let caller = request.data.get(&std::any::TypeId::of::<Caller>());
        let caller = caller.and_then(|caller| caller.downcast_ref::<Caller>());
        let caller = caller.or_else(|| ctx.data_opt::<Caller>()).cloned();
        let caller = caller.unwrap_or(Caller::Anonymous(TokenError::Missing));
        self.0.prepare(&mut request, &caller, &mut RequestTotals::default())?;
        next.run(ctx, request).await
    }
}
