use async_graphql::{ObjectType, SubscriptionType};

use super::report::Report;
use crate::{
    config::Config,
    operations::{DocumentStore, TrustedError},
    schema::{ROOT_FIELDS, Roots, finish_subgraph},
};

/// Checks the trusted documents, if they are configured.
pub(super) async fn examine<Q, M, S>(config: &Config, roots: Roots<Q, M, S>, report: &mut Report)
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    if config.graphql.trusted_documents.is_none() {
        return;
    }
    match check(config, roots).await {
        Ok(()) => report.ok("trusted documents", "all are within the limits and valid for the schema"),
        Err(error) => report.fail("trusted documents", error.to_string()),
    }
}

async fn check<Q, M, S>(config: &Config, roots: Roots<Q, M, S>) -> Result<(), TrustedError>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let documents = DocumentStore::open(&config.graphql, ROOT_FIELDS)?;
    documents.check(&finish_subgraph(roots.subgraph_builder())).await
}
