use super::report::Report;
use crate::{
    config::Config,
    operations::{DocumentStore, TrustedError},
    schema::{ROOT_FIELDS, SubgraphQuery, builder, finish_subgraph},
};

/// Checks the trusted documents, if they are configured.
pub(super) async fn examine(config: &Config, report: &mut Report) {
    if config.graphql.trusted_documents.is_none() {
        return;
    }
    match check(config).await {
        Ok(()) => report.ok("trusted documents", "all are within the limits and valid for the schema"),
        Err(error) => report.fail("trusted documents", error.to_string()),
    }
}

async fn check(config: &Config) -> Result<(), TrustedError> {
    let documents = DocumentStore::open(&config.graphql, ROOT_FIELDS)?;
    documents.check(&finish_subgraph(builder::<SubgraphQuery>())).await
}
