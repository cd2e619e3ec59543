//! The attribute macro `#[guarded]`. Attributes on a GraphQL field, or on a whole object, generate the guard of the
//! field, its directives in the schema, and the last sentences of its description.

#![forbid(unsafe_code)]

mod field;
mod requirements;

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::quote;
use syn::{Attribute, Error, ImplItem, ItemImpl, Result, parse_macro_input, spanned::Spanned};

use self::{field::Kind, requirements::Requirements};

/// Guards the fields of an `#[Object]`, a `#[ComplexObject]` or a `#[Subscription]`.
///
/// Place it above that attribute. Each of these attributes on a field is a requirement:
///
/// - `#[authenticated]`: a valid access token. All others require it as well.
/// - `#[requires_scopes("a", "b")]`: a token with all these scopes. If it is repeated, one of the lists suffices.
/// - `#[requires_roles("a", "b")]`: a token with at least one of these roles.
/// - `#[requires_recent_login("5m")]`: a login at most so long ago. `acr = "…"` behind the duration requires an
///   authentication context class of the login as well (RFC 9470).
/// - `#[requires_owner(expression)]`: the expression is true. It may use `claims`, the claims of the caller, all
///   parameters of the field, `.await` and `?`, as in `#[requires_owner(owns_note(ctx, claims, &id).await?)]`. It should
///   be false for an object that does not exist, so that the refusal does not tell.
///
/// A field with several attributes has all these requirements. They are checked in the order of this list, whatever the
/// order of the attributes, so that the owner, whose check can query a database, is checked last. The attributes below
/// `#[guarded]` are requirements of every field of the object. A field may add more, but not a second list of roles or a
/// second login.
///
/// Each attribute is also a directive of the field in the exported schema, and the field's description ends with its
/// requirements, because introspection does not show the directives of fields.
///
/// If a field returns `Option<T>` or `Result<Option<T>>`, a refusal makes only this field null, and its sibling fields
/// keep their values (GraphQL specification §6.4.4). `#[nullable]` handles the errors of an unguarded field in the same
/// way. A field without the parameter `ctx: &Context<'_>` gets one, and a field that returns no `Result` returns one
/// afterwards.
///
/// The requirements of a subscription are checked when it starts and again before each event; a refusal ends it. Its
/// owner is checked only when it starts, because its events have taken the parameters. A subscription to something whose
/// owner can change checks that for each event itself.
#[proc_macro_attribute]
pub fn guarded(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut object = parse_macro_input!(item as ItemImpl);
    match guard_object(&arguments.into(), &mut object) {
        Ok(()) => quote!(#object).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn guard_object(arguments: &Tokens, object: &mut ItemImpl) -> Result<()> {
    if !arguments.is_empty() {
        let message = "`guarded` takes no arguments; write the requirements as attributes below it";
        return Err(Error::new(arguments.span(), message));
    }
    let kind = kind(&object.attrs)?;
    let requirements = Requirements::take(&mut object.attrs)?;
    for item in &mut object.items {
        if let ImplItem::Fn(field) = item {
            field::guard(field, requirements.as_ref(), kind)?;
        }
    }
    Ok(())
}

/// The kind of object, by its attribute of async-graphql.
fn kind(attributes: &[Attribute]) -> Result<Kind> {
    let names = attributes.iter().filter_map(|attribute| attribute.path().segments.last());
    let mut kinds = names.filter_map(|name| match name.ident.to_string().as_str() {
        "Object" | "ComplexObject" => Some(Kind::Object),
        "Subscription" => Some(Kind::Subscription),
        _ => None,
    });
    let message = "`guarded` stands above `#[Object]`, `#[ComplexObject]` or `#[Subscription]`";
    kinds.next().ok_or_else(|| Error::new(Span::call_site(), message))
}
