use async_graphql::{Extensions, Request, Value, Variables, value};
use async_graphql_value::indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de::Error};

use super::variables::normalise_numbers;

/// The extension that identifies a document in Apollo's protocol for persisted queries.
pub(super) const PERSISTED_QUERY: &str = "persistedQuery";

/// A request as clients send it. Besides Apollo's extension, two members may identify the document: `documentId`
/// (GraphQL over HTTP, appendix A) and `doc_id`, which Relay's documentation uses.
pub struct WireRequest(pub Request);

/// The members of a request, from a JSON object or the parameters of a URL. A member that is null or an empty string
/// is treated as absent, because clients write an unset option either way.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestFields {
    pub(crate) query: Option<String>,
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Option<Value>,
    pub(crate) extensions: Option<Value>,
    #[serde(alias = "doc_id")]
    pub(crate) document_id: Option<String>,
}

impl RequestFields {
    /// Converts the members to a request.
    ///
    /// # Errors
    /// The reason why they are invalid.
    pub(crate) fn into_request(self) -> Result<Request, &'static str> {
        let mut variables = object(self.variables).ok_or("variables is not an object")?;
        let mut extensions = object(self.extensions).ok_or("extensions is not an object")?;
        variables.values_mut().chain(extensions.values_mut()).for_each(normalise_numbers);
        let mut request = Request::new(self.query.unwrap_or_default());
        request.variables = Variables::from_value(Value::Object(variables));
        request.extensions =
            Extensions(extensions.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        match self.document_id.filter(|id| !id.is_empty()) {
            Some(id) if !set_document_id(&mut request, &id) => Err("the document has two ids"),
            _ => Ok(request),
        }
    }
}

/// The members of an object. Empty if the value is absent, and `None` if it is not an object.
fn object(value: Option<Value>) -> Option<IndexMap<async_graphql::Name, Value>> {
    match value {
        None | Some(Value::Null) => Some(IndexMap::new()),
        Some(Value::String(text)) if text.is_empty() => Some(IndexMap::new()),
        Some(Value::Object(members)) => Some(members),
        Some(_) => None,
    }
}

impl<'de> Deserialize<'de> for WireRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let request = RequestFields::deserialize(deserializer)?.into_request();
        request.map(Self).map_err(D::Error::custom)
    }
}

/// Sets the document id of a request. Returns `false` if the request already has one. Ignores the id if the request
/// contains the document. Appendix A prefixes a hash with `sha256:`.
#[must_use]
fn set_document_id(request: &mut Request, id: &str) -> bool {
    if !request.query.is_empty() {
        return true;
    }
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    let persisted: Value = value!({ "version": 1, "sha256Hash": id });
    let other = request.extensions.insert(PERSISTED_QUERY.to_owned(), persisted);
    other.is_none_or(|other| other == Value::Null)
}
