//! The attribute macro `#[guarded]`. One attribute on a GraphQL field generates its guard, its directive in the
//! schema, and the last sentence of its description.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, FnArg, GenericArgument, ImplItem, ImplItemFn, ItemImpl, LitStr, Pat, PathArguments,
    Result, ReturnType, Signature, Token, Type, parse_macro_input, parse_quote, punctuated::Punctuated,
    spanned::Spanned,
};

/// Guards the fields of an `#[Object]` or a `#[Subscription]` that have the attribute `#[authenticated]` or
/// `#[requires_scopes(…)]`.
///
/// Place it above `#[Object]` or `#[Subscription]`. `#[authenticated]` permits callers with a valid access token.
/// `#[requires_scopes("a", "b")]` permits callers whose token has all these scopes; if it is repeated, one of the lists
/// suffices. The field has the directive of the same name in the exported schema. Its description ends with its
/// requirement, because introspection does not show the directives of fields.
///
/// A guarded field takes `ctx: &Context<'_>` as its first parameter. If it returns `Result<Option<T>>`, an error
/// makes only this field null, and its sibling fields keep their values (GraphQL specification §6.4.4). `#[nullable]`
/// handles the errors of an unguarded field in the same way.
#[proc_macro_attribute]
pub fn guarded(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        let span = Tokens::from(arguments).span();
        return Error::new(span, "`guarded` takes no arguments").into_compile_error().into();
    }
    let mut object = parse_macro_input!(item as ItemImpl);
    for item in &mut object.items {
        if let ImplItem::Fn(field) = item
            && let Err(error) = guard(field)
        {
            return error.into_compile_error().into();
        }
    }
    quote!(#object).into()
}

/// Rewrites a field that has one of our attributes.
fn guard(field: &mut ImplItemFn) -> Result<()> {
    let ours =
        |a: &Attribute| ["authenticated", "requires_scopes", "nullable"].iter().any(|n| a.path().is_ident(n));
    let (guards, others): (Vec<_>, Vec<_>) = field.attrs.drain(..).partition(ours);
    field.attrs = others;
    let Some(first) = guards.first() else { return Ok(()) };
    let span = first.span();
    // Without the braces of the body, because in a generated block they would cause the warning `unused_braces`.
    let statements = &field.block.stmts.clone();
    let guarded = match guard_spec(&guards)? {
        None => quote!({ #(#statements)* }),
        Some(GuardSpec { check, directive, sentence }) => {
            add_directive(field, &directive)?;
            field.attrs.push(parse_quote!(#[doc = #sentence]));
            let context = context_parameter(&field.sig, span)?;
            quote_spanned!(span=> { #check.check(#context)?; #(#statements)* })
        }
    };
    let ReturnType::Type(_, result) = &field.sig.output else {
        return Err(Error::new(span, "a guarded field returns a Result"));
    };
    match nullable(result) {
        Some((value, error)) => {
            field.block = parse_quote!({
                let result: #result = async move #guarded.await;
                ::std::result::Result::transpose(result)
            });
            field.sig.output = parse_quote!(-> ::std::option::Option<::std::result::Result<#value, #error>>);
        }
        None => field.block = parse_quote!(#guarded),
    }
    Ok(())
}

/// Adds the directive to the field's `#[graphql(…)]` attribute, or adds that attribute.
fn add_directive(field: &mut ImplItemFn, directive: &Tokens) -> Result<()> {
    let existing = match field.attrs.iter().position(|attribute| attribute.path().is_ident("graphql")) {
        Some(at) => {
            let arguments = &field.attrs.remove(at).meta.require_list()?.tokens.clone();
            quote!(#arguments,)
        }
        None => quote!(),
    };
    field.attrs.push(parse_quote!(#[graphql(#existing directive = #directive)]));
    Ok(())
}

/// The `ctx` parameter of a field.
fn context_parameter(signature: &Signature, span: Span) -> Result<&Pat> {
    match signature.inputs.iter().nth(1) {
        Some(FnArg::Typed(input)) => Ok(&input.pat),
        _ => Err(Error::new(span, "a guarded field takes `ctx: &Context<'_>` first")),
    }
}

/// The guard that the attributes of a field specify.
struct GuardSpec {
    /// The guard expression.
    check: Tokens,
    /// The directive expression.
    directive: Tokens,
    /// The last sentence of the field's description.
    sentence: String,
}

/// Parses the guard attributes of a field. Returns `None` for `#[nullable]`.
fn guard_spec(guards: &[Attribute]) -> Result<Option<GuardSpec>> {
    let mut lists = Vec::new();
    for guard in guards {
        if !guard.path().is_ident("requires_scopes") {
            if guards.len() > 1 {
                return Err(Error::new(guard.span(), "a field has one kind of guard"));
            }
            guard.meta.require_path_only()?;
            return Ok(guard.path().is_ident("authenticated").then(|| GuardSpec {
                check: quote!(::portcullis::graphql::Authenticated),
                directive: quote!(::portcullis::graphql::authenticated::apply()),
                sentence: "Requires sign-in.".to_owned(),
            }));
        }
        let scopes = guard.parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated)?;
        if scopes.is_empty() {
            return Err(Error::new(guard.span(), "name at least one scope"));
        }
        lists.push(scopes);
    }
    let names = lists.iter().map(|list| quote!(&[#list]));
    let strings = lists.iter().map(|list| {
        let scopes = list.iter();
        quote!(::std::vec![#(::std::string::String::from(#scopes)),*])
    });
    Ok(Some(GuardSpec {
        check: quote!(::portcullis::graphql::RequiresScopes(&[#(#names),*])),
        directive: quote!(::portcullis::graphql::requires_scopes::apply(::std::vec![#(#strings),*])),
        sentence: sentence(&lists),
    }))
}

/// The sentence for lists of scopes: "Requires the scopes `a` and `b`, or `c`."
fn sentence(lists: &[Punctuated<LitStr, Token![,]>]) -> String {
    let all_of = |list: &Punctuated<LitStr, Token![,]>| {
        let scopes: Vec<_> = list.iter().map(|scope| format!("`{}`", scope.value())).collect();
        scopes.join(" and ")
    };
    let one_of: Vec<_> = lists.iter().map(all_of).collect();
    let plural = if lists.iter().any(|list| list.len() > 1) { "s" } else { "" };
    format!("Requires the scope{plural} {}.", one_of.join(", or "))
}

/// The `T` and the `E` of `Result<Option<T>, E>`. The default `E` is that of async-graphql's `Result`.
fn nullable(result: &Type) -> Option<(&Type, Type)> {
    let mut types = arguments(result, "Result")?.into_iter();
    let value = arguments(types.next()?, "Option")?.into_iter().next()?;
    let error = types.next().cloned().unwrap_or_else(|| parse_quote!(::async_graphql::Error));
    Some((value, error))
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
