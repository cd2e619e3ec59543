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

/// The documents that the operator trusts, by their ids in the manifest and by the hashes of their texts.
#[derive(Default)]
pub(super) struct TrustedDocuments {
    by_id: BTreeMap<String, (DocumentHash, Arc<Document>)>,
    by_hash: HashMap<DocumentHash, Arc<Document>>,
}

/// The reason why the file of `graphql.trusted_documents` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedError {
    /// The file cannot be read.
    #[error("graphql.trusted_documents: cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not a manifest.
    #[error(
        "graphql.trusted_documents: {path} is neither an Apollo manifest (\"apollo-persisted-query-manifest\", \
         version 1) nor a JSON object that maps ids to documents, as Relay and GraphQL Code Generator write it: \
         {reason}"
    )]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The reason why it is invalid.
        reason: String,
    },
    /// A document exceeds a limit, is not GraphQL, or is not valid under the schema.
    #[error("graphql.trusted_documents: the document {name}: {reason}")]
    Document {
        /// The id of the document and the names of its operations.
        name: String,
        /// The reason why it is invalid.
        reason: String,
    },
}

impl TrustedError {
    pub(super) fn document(id: &str, document: &Document, reason: String) -> Self {
        let operations = document.parsed.operations.iter().filter_map(|(name, _)| name);
        let operations = operations.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let name = if operations.is_empty() { id.to_owned() } else { format!("{id} ({operations})") };
        Self::Document { name, reason }
    }
}

impl TrustedDocuments {
    /// Reads the documents of a manifest and checks their limits.
    pub(super) fn read(
        path: &Path,
        limits: &GraphqlConfig,
        fields: RootFieldPolicy,
    ) -> Result<Self, TrustedError> {
        let unreadable = |source| TrustedError::Unreadable { path: path.into(), source };
        let manifest = std::fs::read(path).map_err(unreadable)?;
        let texts =
            texts(&manifest).map_err(|reason| TrustedError::Manifest { path: path.into(), reason })?;
        if texts.is_empty() {
            let reason = "it contains no documents".to_owned();
            return Err(TrustedError::Manifest { path: path.into(), reason });
        }
        let mut trusted = Self::default();
        for (id, text) in texts {
            let hash = DocumentHash::of(&text);
            let parsed = Document::parse(&text, limits);
            let document = parsed.map_err(|error| TrustedError::Document {
                name: id.clone(),
                reason: error.message.into_owned(),
            })?;
            check(&document, limits, fields)
                .map_err(|error| TrustedError::document(&id, &document, error.message.into_owned()))?;
            let document = Arc::new(document);
            trusted.by_hash.insert(hash, Arc::clone(&document));
            trusted.by_id.insert(id, (hash, document));
        }
        Ok(trusted)
    }

    /// Adds a document that has no id in the manifest.
    pub(super) fn insert(&mut self, hash: DocumentHash, document: Arc<Document>) {
        self.by_hash.insert(hash, document);
    }

    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Document>> {
        self.by_id.get(id).map(|(_, document)| Arc::clone(document))
    }

    pub(super) fn by_hash(&self, hash: &DocumentHash) -> Option<Arc<Document>> {
        self.by_hash.get(hash).cloned()
    }

    /// Whether the document with this id has this hash.
    pub(super) fn has_id(&self, id: &str, hash: &DocumentHash) -> bool {
        self.by_id.get(id).is_some_and(|(own, _)| own == hash)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.by_id.iter().map(|(id, (_, document))| (id.as_str(), document.as_ref()))
    }
}

/// The texts of a manifest by id.
fn texts(manifest: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let describe = |error: serde_json::Error| error.to_string();
    let manifest: Map<String, Value> = serde_json::from_slice(manifest).map_err(describe)?;
    if !manifest.contains_key("operations") {
        return serde_json::from_value(Value::Object(manifest)).map_err(describe);
    }
    let ApolloManifest { format, version, operations } =
        serde_json::from_value(Value::Object(manifest)).map_err(describe)?;
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

/// The manifest that Apollo's tools write.
#[derive(Deserialize)]
struct ApolloManifest {
    format: String,
    version: u32,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}
