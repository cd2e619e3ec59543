use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    document::Document,
    hash::DocumentHash,
    prepare::{RootFieldPolicy, check},
};
use crate::config::GraphqlConfig;

/// The documents that the operator trusts, by their names in the manifest and by their texts.
#[derive(Default)]
pub(super) struct TrustedDocuments {
    named: BTreeMap<String, (DocumentHash, Arc<Document>)>,
    by_text: HashMap<DocumentHash, Arc<Document>>,
}

/// Why the file of `graphql.trusted_documents` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedError {
    /// It cannot be read.
    #[error("graphql.trusted_documents: cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a manifest.
    #[error(
        "graphql.trusted_documents: {path} is neither a manifest of Apollo \
         (\"apollo-persisted-query-manifest\", version 1) nor an object of texts by their names, as Relay and \
         GraphQL Code Generator write it: {why}"
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A document exceeds a limit, or is none, or does not fit the schema.
    #[error("graphql.trusted_documents: the document {name}: {why}")]
    Document {
        /// Its name, and that of its operation.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl TrustedError {
    pub(super) fn document(id: &str, document: &Document, why: String) -> Self {
        let operations = document.parsed.operations.iter().filter_map(|(name, _)| name);
        let operations = operations.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let name = if operations.is_empty() { id.to_owned() } else { format!("{id} ({operations})") };
        Self::Document { name, why }
    }
}

impl TrustedDocuments {
    /// Reads the documents of a manifest, and holds them against the limits.
    pub(super) fn read(
        path: &Path,
        limits: &GraphqlConfig,
        fields: RootFieldPolicy,
    ) -> Result<Self, TrustedError> {
        let unreadable = |source| TrustedError::Unreadable { path: path.into(), source };
        let manifest = std::fs::read(path).map_err(unreadable)?;
        let texts = texts(&manifest).map_err(|why| TrustedError::Manifest { path: path.into(), why })?;
        if texts.is_empty() {
            return Err(TrustedError::Manifest { path: path.into(), why: "it holds no document".to_owned() });
        }
        let mut trusted = Self::default();
        for (id, text) in texts {
            let hash = DocumentHash::of(&text);
            let parsed = Document::parse(&text, limits);
            let document = parsed.map_err(|failure| TrustedError::Document {
                name: id.clone(),
                why: failure.message.into_owned(),
            })?;
            check(&document, limits, fields)
                .map_err(|failure| TrustedError::document(&id, &document, failure.message.into_owned()))?;
            let document = Arc::new(document);
            trusted.by_text.insert(hash, Arc::clone(&document));
            trusted.named.insert(id, (hash, document));
        }
        Ok(trusted)
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Document>> {
        self.named.get(id).map(|(_, document)| Arc::clone(document))
    }

    pub(super) fn by_hash(&self, hash: &DocumentHash) -> Option<Arc<Document>> {
        self.by_text.get(hash).cloned()
    }

    /// Whether the manifest has this name for the text.
    pub(super) fn has_id(&self, id: &str, hash: &DocumentHash) -> bool {
        self.named.get(id).is_some_and(|(own, _)| own == hash)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.named.iter().map(|(id, (_, document))| (id.as_str(), document.as_ref()))
    }
}

/// The texts of a manifest by their names.
fn texts(manifest: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let fault = |error: serde_json::Error| error.to_string();
    let manifest: Map<String, Value> = serde_json::from_slice(manifest).map_err(fault)?;
    if !manifest.contains_key("operations") {
        return serde_json::from_value(Value::Object(manifest)).map_err(fault);
    }
    let Apollo { format, version, operations } =
        serde_json::from_value(Value::Object(manifest)).map_err(fault)?;
    if format != "apollo-persisted-query-manifest" || version != 1 {
        return Err(format!("its format is {format}, version {version}"));
    }
    let mut texts = BTreeMap::new();
    for ApolloOperation { id, body } in operations {
        if texts.insert(id.clone(), body).is_some() {
            return Err(format!("two of its documents have the id {id}"));
        }
    }
    Ok(texts)
}

/// What Apollo's tools write.
#[derive(Deserialize)]
struct Apollo {
    format: String,
    version: u32,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}
