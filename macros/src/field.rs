//! The guard of one field: the method with its checks, its directives and its description.

use proc_macro2::{Ident, Span, TokenStream as Tokens};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, FnArg, GenericArgument, ImplItemFn, Pat, PathArguments, Result, ReturnType, Type,
    TypeParamBound, parse_quote, spanned::Spanned,
};

use super::requirements::Requirements;

/// The kind of object to which a field belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `#[Object]` or a `#[ComplexObject]`.
    Object,
    /// A `#[Subscription]`.
    Subscription,
}

/// Rewrites a field that has requirements, or whose object has some, or that is `#[nullable]`.
pub(crate) fn guard(field: &mut ImplItemFn, object: Option<&Requirements>, kind: Kind) -> Result<()> {
    let span = field.attrs.first().map_or_else(|| field.sig.span(), Attribute::span);
    let own = Requirements::take(&mut field.attrs)?;
    let is_nullable = take_nullable(&mut field.attrs)?;
    if has_option(field, "skip") {
        // The method is no field.
        let message = "`skip` takes this method out of the schema, so it cannot be guarded";
        return if own.is_some() { Err(Error::new(span, message)) } else { Ok(()) };
    }
    let requirements = match (object, own) {
        (Some(object), Some(own)) => object.and(own, span)?,
        (Some(object), None) => object.clone(),
        (None, Some(own)) => own,
        (None, None) if is_nullable => return rewrite_object_field(field, &quote!(), span),
        (None, None) => return Ok(()),
    };
    if has_option(field, "flatten") {
        return Err(Error::new(span, "a flattened object is not guarded; guard its own fields"));
    }
    let description = requirements.description();
    field.attrs.push(parse_quote!(#[doc = #description]));
    add_directives(field, &requirements.directives())?;
    let context = context_parameter(field);
    let (expression, checks) = (requirements.expression(), checks(&requirements, &context, span));
    match kind {
        Kind::Object => rewrite_object_field(field, &checks, span),
        Kind::Subscription => {
            rewrite_subscription(field, &checks, &quote!(#expression.guard_events(#context, events)?), span)
        }
    }
}

/// The statements that check the requirements, cheap ones first.
fn checks(requirements: &Requirements, context: &Pat, span: Span) -> Tokens {
    let expression = requirements.expression();
    // Visible to the expression, which the user has written.
    let claims = Ident::new("claims", Span::call_site());
    let is_owner = |owner: &Expr| {
        quote_spanned! {owner.span()=> {
            let #claims = ::portcullis::graphql::claims(#context)?;
            ::portcullis::graphql::ensure_owner(#owner)?;
        }}
    };
    let owner = requirements.owner.iter().map(is_owner);
    quote_spanned!(span=> #expression.check(#context)?; #(#owner)*)
}

/// Puts checks before the body of a field, and lets a refusal make only this field null where its type permits it.
fn rewrite_object_field(field: &mut ImplItemFn, checks: &Tokens, span: Span) -> Result<()> {
    let ReturnType::Type(_, returned) = field.sig.output.clone() else {
        return Err(Error::new(span, "a guarded field returns a value"));
    };
    // Without the braces of the body, because in a generated block they would cause the warning `unused_braces`.
    let statements = &field.block.stmts.clone();
    let error = quote!(::portcullis::graphql::ApiError);
    if let Some((value, error)) = result_of(&returned) {
        let Some(value) = option_of(value) else {
            field.block = parse_quote!({ #checks #(#statements)* });
            return Ok(());
        };
        field.block = parse_quote!({
            let result: #returned = async move { #checks #(#statements)* }.await;
            ::std::result::Result::transpose(result)
        });
        field.sig.output = parse_quote!(-> ::std::option::Option<::std::result::Result<#value, #error>>);
    } else if let Some(value) = option_of(&returned) {
        field.block = parse_quote!({
            let result: ::std::result::Result<#returned, #error> = async move {
                #checks
                let value: #returned = async move { #(#statements)* }.await;
                ::std::result::Result::Ok(value)
            }.await;
            ::std::result::Result::transpose(result)
        });
        field.sig.output = parse_quote!(-> ::std::option::Option<::std::result::Result<#value, #error>>);
    } else {
        field.block = parse_quote!({
            #checks
            let value: #returned = async move { #(#statements)* }.await;
            ::std::result::Result::Ok(value)
        });
        field.sig.output = parse_quote!(-> ::std::result::Result<#returned, #error>);
    }
    Ok(())
}

/// Puts checks before the body of a subscription, and guards its events.
fn rewrite_subscription(field: &mut ImplItemFn, checks: &Tokens, guarded: &Tokens, span: Span) -> Result<()> {
    let ReturnType::Type(_, returned) = field.sig.output.clone() else {
        return Err(Error::new(span, "a guarded subscription returns a stream"));
    };
    let statements = &field.block.stmts.clone();
    let (events, error, body) = match result_of(&returned) {
        Some((events, error)) => {
            let body = quote! {
                let events: ::std::result::Result<_, #error> = async move { #(#statements)* }.await;
                let events = events?;
            };
            (events, error, body)
        }
        None => {
            let body = quote!(let events = async move { #(#statements)* }.await;);
            (&*returned, parse_quote!(::portcullis::graphql::ApiError), body)
        }
    };
    let events = guarded_stream(events);
    field.block = parse_quote!({
        #checks
        #body
        let events = #guarded;
        ::std::result::Result::Ok(events)
    });
    field.sig.output = parse_quote!(-> ::std::result::Result<#events, #error>);
    Ok(())
}

/// The type of a stream whose items are results of the given stream's items.
fn guarded_stream(events: &Type) -> Type {
    if let Type::ImplTrait(stream) = events {
        let mut stream = stream.clone();
        for bound in &mut stream.bounds {
            if let TypeParamBound::Trait(bound) = bound
                && let Some(last) = bound.path.segments.last_mut()
                && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
            {
                for argument in &mut arguments.args {
                    if let GenericArgument::AssocType(item) = argument
                        && item.ident == "Item"
                    {
                        let ty = &item.ty;
                        item.ty = parse_quote!(::std::result::Result<#ty, ::portcullis::graphql::ApiError>);
                    }
                }
            }
        }
        return Type::ImplTrait(stream);
    }
    let stream = quote!(::async_graphql::futures_util::stream::Stream);
    parse_quote!(impl #stream<
        Item = ::std::result::Result<<#events as #stream>::Item, ::portcullis::graphql::ApiError>,
    >)
}

/// Takes `#[nullable]` out of the attributes. Returns whether it was there.
fn take_nullable(attributes: &mut Vec<Attribute>) -> Result<bool> {
    let Some(at) = attributes.iter().position(|attribute| attribute.path().is_ident("nullable")) else {
        return Ok(false);
    };
    attributes.remove(at).meta.require_path_only()?;
    Ok(true)
}

/// Whether the field has this option in its `#[graphql(…)]` attribute.
fn has_option(field: &ImplItemFn, option: &str) -> bool {
    let lists = field.attrs.iter().filter(|attribute| attribute.path().is_ident("graphql"));
    let tokens = lists.filter_map(|attribute| Some(attribute.meta.require_list().ok()?.tokens.clone()));
    tokens.flatten().any(|token| token.to_string() == option)
}

/// Adds the directives to the field's `#[graphql(…)]` attribute, or adds that attribute.
fn add_directives(field: &mut ImplItemFn, directives: &[Tokens]) -> Result<()> {
    let existing = match field.attrs.iter().position(|attribute| attribute.path().is_ident("graphql")) {
        Some(at) => {
            let arguments = &field.attrs.remove(at).meta.require_list()?.tokens.clone();
            quote!(#arguments,)
        }
        None => quote!(),
    };
    field.attrs.push(parse_quote!(#[graphql(#existing #(directive = #directives),*)]));
    Ok(())
}

/// The name of the field's parameter `ctx`, which is added if it is missing.
fn context_parameter(field: &mut ImplItemFn) -> Pat {
    let added: Pat = parse_quote!(__context);
    match field.sig.inputs.iter_mut().nth(1) {
        Some(FnArg::Typed(input)) if is_context(&input.ty) => {
            if matches!(*input.pat, Pat::Wild(_)) {
                *input.pat = added;
            }
            (*input.pat).clone()
        }
        _ => {
            field.sig.inputs.insert(1, parse_quote!(#added: &::async_graphql::Context<'_>));
            added
        }
    }
}

/// Whether a type is `&Context<'_>`.
fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    let Type::Path(path) = &*reference.elem else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Context")
}

/// The `T` and the `E` of `Result<T, E>`. The default `E` is that of async-graphql's `Result`.
fn result_of(ty: &Type) -> Option<(&Type, Type)> {
    let mut types = arguments(ty, "Result")?.into_iter();
    let value = types.next()?;
    Some((value, types.next().cloned().unwrap_or_else(|| parse_quote!(::async_graphql::Error))))
}

/// The `T` of `Option<T>`.
fn option_of(ty: &Type) -> Option<&Type> {
    arguments(ty, "Option")?.into_iter().next()
}

/// The type arguments of a type, if it has this name.
fn arguments<'a>(ty: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some(types.collect())
}
