//! Turns the text of a document into an operation that may be executed.
//!
//! `lexer.rs` counts tokens and brackets before anything is parsed, `document.rs` parses within these limits,
//! `limits.rs` checks depth, complexity and the other limits, and `prepare.rs` applies the variables of the request.
//! `store.rs` caches parsed documents and holds the trusted ones.

mod checks;
mod document;
mod escapes;
mod hash;
mod lexer;
mod limits;
mod prepare;
mod request;
mod store;
mod trusted;
mod variables;

pub use self::checks::OperationChecks;
pub(crate) use self::request::RequestFields;
#[doc(hidden)]
pub use self::{
    document::Document,
    prepare::{OperationInfo, RequestTotals, RootFieldPolicy},
    request::WireRequest,
    store::DocumentStore,
    trusted::TrustedError,
};
