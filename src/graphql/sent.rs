use async_graphql::{Extensions, Request, Value, Variables, value};
use serde::{Deserialize, Deserializer, de::Error};

/// The extension that names a document, as Apollo's protocol has it.
pub(super) const PERSISTED_QUERY: &str = "persistedQuery";

/// A request as clients send it. In the place of the document, its name may stand in a member of its own as well:
/// `documentId` (GraphQL over HTTP, appendix A), or `doc_id`, as Relay's users call it.
pub struct Sent(pub Request);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default)]
    query: String,
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    extensions: Extensions,
    #[serde(alias = "doc_id")]
    document_id: Option<String>,
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        let mut request = Request::new(members.query).variables(members.variables);
        request.operation_name = members.operation_name;
        request.extensions = members.extensions;
        if let Some(id) = &members.document_id
            && !name_document(&mut request, id)
        {
            return Err(D::Error::custom("the document has two names"));
        }
        Ok(Self(request))
    }
}

/// Gives the document of a request a name, unless it has one already; then gives `false`. One that is there in full
/// needs none. Appendix A says of a hash that it is one.
#[must_use]
pub fn name_document(request: &mut Request, id: &str) -> bool {
    if !request.query.is_empty() {
        return true;
    }
    let name = id.strip_prefix("sha256:").unwrap_or(id);
    let persisted: Value = value!({ "version": 1, "sha256Hash": name });
    let other = request.extensions.insert(PERSISTED_QUERY.to_owned(), persisted);
    other.is_none_or(|other| other == Value::Null)
}
