use std::{fmt, sync::Arc};

use async_graphql::{Executor, Extensions, Request, Value};
use moka::sync::Cache;

use super::{
    document::Document,
    hash::DocumentHash,
    prepare::{RootFieldPolicy, validation_request},
    request::PERSISTED_QUERY,
    trusted::{TrustedDocuments, TrustedError},
};
use crate::{
    config::{DocumentPolicy, GraphqlConfig},
    graphql::{ApiError, ErrorCode},
};

/// How much memory cache documents may take, in bytes.
const CACHE_CAPACITY_BYTES: u64 = 16 << 20;

/// The largest document that is cache, in bytes, so that a few do not take the place of all.
const MAX_CACHED_DOCUMENT_BYTES: usize = 1 << 20;

/// The cache of parsed documents, which need not be parsed and counted again: those that were sent lately, and those that the operator
/// trusts. They are found by their text, or by the name that Apollo's protocol for persisted queries gives them. The
/// executor validates them each time, with the variables of the request.
///
/// Parsing a query of 70 tokens was measured to take 68 µs, the copy that each execution consumes 1 µs, and the hash
/// by which it is found 0.2 µs.
pub struct DocumentStore {
    config: GraphqlConfig,
    cache: Cache<DocumentHash, Arc<Document>>,
    trusted: TrustedDocuments,
}

impl DocumentStore {
    /// Reads the trusted documents.
    ///
    /// # Errors
    /// When their file cannot be read, or one of them is none or exceeds a limit.
    pub fn open(config: &GraphqlConfig, fields: RootFieldPolicy) -> Result<Self, TrustedError> {
        let cache = Cache::builder()
            .max_capacity(CACHE_CAPACITY_BYTES)
            .weigher(|_, document: &Arc<Document>| u32::try_from(document.size).unwrap_or(u32::MAX))
            .build();
        let path = config.trusted_documents.as_deref();
        let trusted =
            path.map(|path| TrustedDocuments::read(path, config, fields)).transpose()?.unwrap_or_default();
        Ok(Self { config: config.clone(), cache, trusted })
    }

    /// Validates the trusted documents against the schema that will execute them.
    ///
    /// # Errors
    /// The first that does not fit it.
    pub async fn check(&self, executor: &impl Executor) -> Result<(), TrustedError> {
        for (id, document) in self.trusted.iter() {
            let answer = executor.execute(validation_request(document)).await;
            if let Some(error) = answer.errors.into_iter().next() {
                return Err(TrustedError::document(id, document, error.message));
            }
        }
        Ok(())
    }

    /// The document that a request sends or names.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` when there is none, or the name is not that of the text, `PERSISTED_QUERY_NOT_FOUND`,
    /// `PERSISTED_QUERY_NOT_SUPPORTED`, `UNTRUSTED_DOCUMENT`, or what is wrong with the text.
    pub fn find(&self, request: &Request) -> Result<Arc<Document>, ApiError> {
        let id = persisted_id(&request.extensions)?;
        match (request.query.as_str(), id) {
            ("", None) => Err(ApiError::bad_user_input("The request has no query.")),
            ("", Some(id)) => self.find_by_id(id),
            (text, id) => {
                let hash = DocumentHash::of(text);
                let is_name = |id| hash.is(id) || self.trusted.has_id(id, &hash);
                if id.is_some_and(|id| !is_name(id)) {
                    return Err(ApiError::bad_user_input("The query is not that of its sha256Hash."));
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
        // The messages are those that Apollo clients look for; they send the document in full then.
        if self.config.documents == DocumentPolicy::InFull {
            return Err(ApiError::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
        }
        let hash = hash.ok_or_else(|| {
            ApiError::bad_user_input("The name of the document is not its SHA-256, in 64 hexadecimal digits.")
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
            // Else some dozens would be there that nobody has weighed yet.
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

/// The name of a document in `extensions.persistedQuery`, as Apollo's protocol has it: a hash, or the name that a
/// trusted document has in its manifest.
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
        _ => Err(ApiError::bad_user_input("extensions.persistedQuery must hold version 1 and a sha256Hash.")),
    }
}
