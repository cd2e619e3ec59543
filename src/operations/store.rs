use std::{fmt, sync::Arc};

use async_graphql::{Executor, Extensions, Request, Value};
use moka::sync::Cache;

use super::{
    document::Document,
    hash::DocumentHash,
    prepare::{RootFieldPolicy, check, validation_request},
    request::PERSISTED_QUERY,
    trusted::{TrustedDocuments, TrustedError},
};
use crate::{
    config::{DocumentPolicy, GraphqlConfig},
    graphql::{ApiError, ErrorCode},
};

/// Maximum memory of the cached documents, in bytes.
const CACHE_CAPACITY_BYTES: u64 = 16 << 20;

/// Maximum size of a cached document, in bytes, so that a few large documents do not displace all others.
const MAX_CACHED_DOCUMENT_BYTES: usize = 1 << 20;

/// The cache of recently parsed documents, and the documents that the operator trusts. A request finds them by text,
/// or by id in Apollo's protocol for persisted queries. They are neither parsed nor counted again, but the executor
/// validates them for each request, with its variables.
///
/// Measured for a query of 70 tokens: 68 µs to parse it, 1 µs for the copy that each execution consumes, and 0.2 µs
/// for the hash of the lookup.
pub struct DocumentStore {
    pub(super) config: GraphqlConfig,
    pub(super) fields: RootFieldPolicy,
    cache: Cache<DocumentHash, Arc<Document>>,
    trusted: TrustedDocuments,
}

impl DocumentStore {
    /// Reads the trusted documents.
    ///
    /// # Errors
    /// If their file cannot be read, or if a document is invalid or exceeds a limit.
    pub fn open(config: &GraphqlConfig, fields: RootFieldPolicy) -> Result<Self, TrustedError> {
        let cache = Cache::builder()
            .max_capacity(CACHE_CAPACITY_BYTES)
            .weigher(|_, document: &Arc<Document>| u32::try_from(document.size).unwrap_or(u32::MAX))
            .build();
        let path = config.trusted_documents.as_deref();
        let trusted =
            path.map(|path| TrustedDocuments::read(path, config, fields)).transpose()?.unwrap_or_default();
        Ok(Self { config: config.clone(), fields, cache, trusted })
    }

    /// Trusts another document, which a page of the server sends. Does nothing if it exceeds a limit of the operator: the
    /// server would execute it in no mode.
    pub fn trust(&mut self, text: &str) {
        let Ok(document) = Document::parse(text, &self.config) else { return };
        if check(&document, &self.config, self.fields).is_ok() {
            self.trusted.insert(DocumentHash::of(text), Arc::new(document));
        }
    }

    /// Validates the trusted documents against the schema that will execute them.
    ///
    /// # Errors
    /// The first document that is not valid under the schema.
    pub async fn check(&self, executor: &impl Executor) -> Result<(), TrustedError> {
        for (id, document) in self.trusted.iter() {
            let response = executor.execute(validation_request(document)).await;
            if let Some(error) = response.errors.into_iter().next() {
                return Err(TrustedError::document(id, document, error.message));
            }
        }
        Ok(())
    }

    /// The document that a request contains or identifies.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` if there is none or if id and text do not match, `PERSISTED_QUERY_NOT_FOUND`,
    /// `PERSISTED_QUERY_NOT_SUPPORTED`, `UNTRUSTED_DOCUMENT`, or the errors of [`Document::parse`].
    pub fn find(&self, request: &Request) -> Result<Arc<Document>, ApiError> {
        let id = persisted_id(&request.extensions)?;
        match (request.query.as_str(), id) {
            ("", None) => Err(ApiError::bad_user_input("The request has no query.")),
            ("", Some(id)) => self.find_by_id(id),
            (text, id) => {
                let hash = DocumentHash::of(text);
                let matches = |id| hash.is(id) || self.trusted.has_id(id, &hash);
                if id.is_some_and(|id| !matches(id)) {
                    return Err(ApiError::bad_user_input("The query does not match its sha256Hash."));
                }
                self.find_by_text(text, hash)
            }
        }
    }

    fn find_by_id(&self, id: &str) -> Result<Arc<Document>, ApiError> {
        let hash = DocumentHash::parse(id);
        let by_hash = |hash| self.trusted.by_hash(hash);
        if let Some(document) = self.trusted.by_id(id).or_else(|| hash.as_ref().and_then(by_hash)) {
            return Ok(document);
        }
        if self.config.documents == DocumentPolicy::Trusted {
            return Err(untrusted());
        }
        // Apollo clients look for these messages and then send the full document.
        if self.config.documents == DocumentPolicy::InFull {
            return Err(ApiError::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
        }
        let hash = hash.ok_or_else(|| {
            ApiError::bad_user_input(
                "The id of the document must be its SHA-256 hash: 64 hexadecimal digits.",
            )
        })?;
        let unknown = || ApiError::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
        self.cache.get(&hash).ok_or_else(unknown)
    }

    fn find_by_text(&self, text: &str, hash: DocumentHash) -> Result<Arc<Document>, ApiError> {
        if let Some(document) = self.trusted.by_hash(&hash) {
            return Ok(document);
        }
        if self.config.documents == DocumentPolicy::Trusted {
            return Err(untrusted());
        }
        if let Some(document) = self.cache.get(&hash) {
            return Ok(document);
        }
        let document = Arc::new(Document::parse(text, &self.config)?);
        if !document.may_hold_secrets && document.size <= MAX_CACHED_DOCUMENT_BYTES {
            self.cache.insert(hash, Arc::clone(&document));
            // Otherwise dozens of documents could exceed the capacity before moka weighs and evicts them.
            self.cache.run_pending_tasks();
        }
        Ok(document)
    }
}

impl fmt::Debug for DocumentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentStore").field("cache", &self.cache.entry_count()).finish_non_exhaustive()
    }
}

fn untrusted() -> ApiError {
    ApiError::new(
        ErrorCode::UntrustedDocument,
        "This server executes only the documents that its operator trusts.",
    )
}

/// The id of a document in `extensions.persistedQuery` (Apollo's protocol): its hash, or the id of a trusted document
/// in its manifest.
fn persisted_id(extensions: &Extensions) -> Result<Option<&str>, ApiError> {
    let persisted = match extensions.get(PERSISTED_QUERY) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(persisted)) => persisted,
        Some(_) => return Err(ApiError::bad_user_input("extensions.persistedQuery is not an object.")),
    };
    match (persisted.get("version"), persisted.get("sha256Hash")) {
        (Some(Value::Number(version)), Some(Value::String(id))) if version.as_u64() == Some(1) => {
            Ok(Some(id))
        }
        _ => Err(ApiError::bad_user_input(
            "extensions.persistedQuery must contain version 1 and a sha256Hash.",
        )),
    }
}
