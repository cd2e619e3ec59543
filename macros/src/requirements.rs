//! The requirements of a field, as its attributes write them.

use std::time::Duration;

use proc_macro2::{Span, TokenStream as Tokens};
use quote::quote;
use syn::{
    Attribute, Error, Expr, LitStr, Result, Token,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

/// The attributes of requirements.
const NAMES: [&str; 5] =
    ["authenticated", "requires_scopes", "requires_roles", "requires_recent_login", "requires_owner"];

/// The requirements of a field. All must be met.
#[derive(Clone, Default)]
pub(crate) struct Requirements {
    /// Whether `#[authenticated]` is written, which all other attributes imply.
    is_authenticated: bool,
    /// Lists of scopes, of which one suffices.
    scopes: Vec<Vec<String>>,
    /// Roles, of which one suffices.
    roles: Vec<String>,
    recent_login: Option<RecentLogin>,
    /// Expressions that are true if the caller is the owner.
    pub(crate) owner: Vec<Expr>,
}

/// The arguments of `#[requires_recent_login(…)]`.
#[derive(Clone)]
struct RecentLogin {
    max_age_seconds: u32,
    acr: Option<String>,
}

impl Requirements {
    /// Takes the attributes of requirements out of the others. Returns `None` if there are none.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> Result<Option<Self>> {
        let is_ours = |attribute: &Attribute| NAMES.iter().any(|name| attribute.path().is_ident(name));
        let (ours, others): (Vec<_>, Vec<_>) = attributes.drain(..).partition(is_ours);
        *attributes = others;
        let mut requirements = Self::default();
        for attribute in &ours {
            requirements.add(attribute)?;
        }
        Ok((!ours.is_empty()).then_some(requirements))
    }

    fn add(&mut self, attribute: &Attribute) -> Result<()> {
        let span = attribute.span();
        if attribute.path().is_ident("authenticated") {
            attribute.meta.require_path_only()?;
            self.is_authenticated = true;
        } else if attribute.path().is_ident("requires_scopes") {
            self.scopes.push(names(attribute, "scope")?);
        } else if attribute.path().is_ident("requires_roles") {
            if !self.roles.is_empty() {
                return Err(Error::new(span, "list all roles that suffice in one `requires_roles`"));
            }
            self.roles = names(attribute, "role")?;
        } else if attribute.path().is_ident("requires_recent_login") {
            if self.recent_login.is_some() {
                return Err(Error::new(span, "a field has one `requires_recent_login`"));
            }
            self.recent_login = Some(attribute.parse_args()?);
        } else {
            self.owner.push(attribute.parse_args()?);
        }
        Ok(())
    }

    /// The requirements of a field whose object has requirements as well.
    pub(crate) fn and(&self, field: Self, span: Span) -> Result<Self> {
        let twice = |name| Error::new(span, format!("the whole object has `{name}` already"));
        if !self.roles.is_empty() && !field.roles.is_empty() {
            return Err(twice("requires_roles"));
        }
        if self.recent_login.is_some() && field.recent_login.is_some() {
            return Err(twice("requires_recent_login"));
        }
        let scopes = match (self.scopes.as_slice(), field.scopes.as_slice()) {
            (scopes, []) | ([], scopes) => scopes.to_vec(),
            // One list of each suffices, so each pair of lists does.
            (of_object, of_field) => {
                let pairs = of_object.iter().flat_map(|one| of_field.iter().map(move |other| (one, other)));
                pairs.map(|(one, other)| [one.as_slice(), other].concat()).collect()
            }
        };
        Ok(Self {
            is_authenticated: self.is_authenticated || field.is_authenticated,
            scopes,
            roles: [self.roles.as_slice(), &field.roles].concat(),
            recent_login: self.recent_login.clone().or(field.recent_login),
            owner: [self.owner.as_slice(), &field.owner].concat(),
        })
    }

    /// The expression of the requirements, without the owner.
    pub(crate) fn expression(&self) -> Tokens {
        let mut expression = quote!(::portcullis::graphql::Requirements::AUTHENTICATED);
        if !self.scopes.is_empty() {
            let lists = self.scopes.iter().map(|scopes| quote!(&[#(#scopes),*]));
            expression.extend(quote!(.scopes(&[#(#lists),*])));
        }
        if !self.roles.is_empty() {
            let roles = &self.roles;
            expression.extend(quote!(.roles(&[#(#roles),*])));
        }
        if let Some(RecentLogin { max_age_seconds, acr }) = &self.recent_login {
            let acr = option(acr.as_ref().map(|acr| quote!(#acr)));
            expression.extend(quote!(.recent_login(#max_age_seconds, #acr)));
        }
        expression
    }

    /// The expressions of the directives.
    pub(crate) fn directives(&self) -> Vec<Tokens> {
        let mut directives = Vec::new();
        if self.is_authenticated {
            directives.push(quote!(::portcullis::graphql::authenticated::apply()));
        }
        if !self.scopes.is_empty() {
            let lists = self.scopes.iter().map(|scopes| strings(scopes));
            directives.push(quote!(::portcullis::graphql::requires_scopes::apply(::std::vec![#(#lists),*])));
        }
        if !self.roles.is_empty() {
            let roles = strings(&self.roles);
            directives.push(quote!(::portcullis::graphql::requires_roles::apply(#roles)));
        }
        if let Some(RecentLogin { max_age_seconds, acr }) = &self.recent_login {
            let max_age = i32::try_from(*max_age_seconds).unwrap_or(i32::MAX);
            let acr = option(acr.as_ref().map(|acr| quote!(::std::string::String::from(#acr))));
            directives.push(quote!(::portcullis::graphql::requires_recent_login::apply(#max_age, #acr)));
        }
        if !self.owner.is_empty() {
            directives.push(quote!(::portcullis::graphql::requires_owner::apply()));
        }
        directives
    }

    /// The last sentences of the field's description, as in "Requires the scopes `a` and `b`, or `c`."
    pub(crate) fn description(&self) -> String {
        let mut sentences = Vec::new();
        if !self.scopes.is_empty() {
            let lists: Vec<_> = self.scopes.iter().map(|scopes| quoted(scopes, " and ")).collect();
            let plural = if self.scopes.iter().any(|scopes| scopes.len() > 1) { "s" } else { "" };
            sentences.push(format!("Requires the scope{plural} {}.", lists.join(", or ")));
        }
        if !self.roles.is_empty() {
            sentences.push(format!("Requires the role {}.", quoted(&self.roles, " or ")));
        }
        if let Some(RecentLogin { max_age_seconds, acr }) = &self.recent_login {
            let class = acr.as_ref().map(|acr| format!(" of the class `{acr}`")).unwrap_or_default();
            sentences.push(format!("Requires a login{class} at most {} ago.", in_words(*max_age_seconds)));
        }
        if !self.owner.is_empty() {
            sentences.push("Requires that you own the object.".to_owned());
        }
        if sentences.is_empty() {
            sentences.push("Requires sign-in.".to_owned());
        }
        sentences.join(" ")
    }
}

/// The names in an attribute, of which there is at least one.
fn names(attribute: &Attribute, what: &str) -> Result<Vec<String>> {
    let names = attribute.parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated)?;
    if names.is_empty() {
        return Err(Error::new(attribute.span(), format!("name at least one {what}")));
    }
    for name in &names {
        let text = name.value();
        if text.is_empty() || text.contains(char::is_whitespace) {
            let message = format!("a {what} contains no spaces; write several as \"a\", \"b\"");
            return Err(Error::new(name.span(), message));
        }
    }
    Ok(names.iter().map(LitStr::value).collect())
}

impl Parse for RecentLogin {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        mod keyword {
            syn::custom_keyword!(acr);
        }

        let max_age: LitStr = input.parse()?;
        let mut acr = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            input.parse::<keyword::acr>()?;
            input.parse::<Token![=]>()?;
            acr = Some(input.parse::<LitStr>()?.value());
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(Self { max_age_seconds: seconds(&max_age)?, acr })
    }
}

/// The seconds of a duration, a whole positive number that is an `Int` of GraphQL.
fn seconds(text: &LitStr) -> Result<u32> {
    let duration = humantime::parse_duration(&text.value()).map_err(|_| {
        let message =
            format!("`{}` is not a duration; write it as in \"5m\", \"90s\" or \"1h\"", text.value());
        Error::new(text.span(), message)
    })?;
    let seconds = i32::try_from(duration.as_secs()).ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.filter(|_| duration == Duration::from_secs(duration.as_secs()));
    let message = "the maximum age of a login is a whole number of seconds, from \"1s\" to \"68years\"";
    seconds.and_then(|seconds| seconds.try_into().ok()).ok_or_else(|| Error::new(text.span(), message))
}

/// A duration in words, as in "5 minutes".
fn in_words(seconds: u32) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let unit = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    let (length, unit) = unit.unwrap_or((1, "second"));
    match seconds / length {
        1 => format!("1 {unit}"),
        count => format!("{count} {unit}s"),
    }
}

fn quoted(names: &[String], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

fn strings(texts: &[String]) -> Tokens {
    quote!(::std::vec![#(::std::string::String::from(#texts)),*])
}

fn option(expression: Option<Tokens>) -> Tokens {
    match expression {
        Some(expression) => quote!(::std::option::Option::Some(#expression)),
        None => quote!(::std::option::Option::None),
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn parsed(mut attributes: Vec<Attribute>) -> Result<Requirements> {
        Ok(Requirements::take(&mut attributes)?.expect("there are attributes"))
    }

    fn description(attributes: Vec<Attribute>) -> String {
        parsed(attributes).expect("they are valid").description()
    }

    fn error(attributes: Vec<Attribute>) -> String {
        parsed(attributes).err().expect("an error").to_string()
    }

    #[test]
    fn the_description_says_all_requirements() {
        assert_eq!(description(vec![parse_quote!(#[authenticated])]), "Requires sign-in.");
        let all = vec![
            parse_quote!(#[requires_owner(owns(claims, &id))]),
            parse_quote!(#[requires_recent_login("90s", acr = "phr")]),
            parse_quote!(#[requires_roles("editor", "admin")]),
            parse_quote!(#[requires_scopes("a", "b")]),
            parse_quote!(#[requires_scopes("c")]),
            parse_quote!(#[authenticated]),
        ];
        assert_eq!(
            description(all),
            "Requires the scopes `a` and `b`, or `c`. Requires the role `editor` or `admin`. \
             Requires a login of the class `phr` at most 90 seconds ago. Requires that you own the object."
        );
        for (text, words) in [
            ("5m", "5 minutes"),
            ("60s", "1 minute"),
            ("1h", "1 hour"),
            ("90m", "90 minutes"),
            ("1day", "1 day"),
        ] {
            let words = format!("Requires a login at most {words} ago.");
            assert_eq!(description(vec![parse_quote!(#[requires_recent_login(#text)])]), words);
        }
    }

    #[test]
    fn a_bad_duration_is_an_error_that_shows_good_ones() {
        for text in ["", "5", "5 minuts", "-5m", "m5"] {
            let error = error(vec![parse_quote!(#[requires_recent_login(#text)])]);
            assert_eq!(
                error,
                format!("`{text}` is not a duration; write it as in \"5m\", \"90s\" or \"1h\"")
            );
        }
        for text in ["0s", "500ms", "1s 1ms", "69years"] {
            let error = error(vec![parse_quote!(#[requires_recent_login(#text)])]);
            assert!(error.contains("a whole number of seconds"), "{text}: {error}");
        }
        assert_eq!(error(vec![parse_quote!(#[requires_recent_login("5m", amr = "x")])]), "expected `acr`");
    }

    #[test]
    fn names_are_separate_texts() {
        assert_eq!(error(vec![parse_quote!(#[requires_roles()])]), "name at least one role");
        assert_eq!(error(vec![parse_quote!(#[requires_scopes()])]), "name at least one scope");
        let spaces = error(vec![parse_quote!(#[requires_scopes("a b")])]);
        assert_eq!(spaces, "a scope contains no spaces; write several as \"a\", \"b\"");
        assert!(error(vec![parse_quote!(#[requires_roles("")])]).contains("a role contains no spaces"));
        let twice = vec![parse_quote!(#[requires_roles("a")]), parse_quote!(#[requires_roles("b")])];
        assert!(error(twice).contains("in one `requires_roles`"));
    }

    #[test]
    fn a_field_adds_to_the_requirements_of_its_object() {
        let of = |attribute: Attribute| parsed(vec![attribute]).expect("it is valid");
        let both = |object, field| of(object).and(of(field), Span::call_site());
        let scopes = both(parse_quote!(#[requires_scopes("a")]), parse_quote!(#[requires_scopes("b")]));
        assert_eq!(scopes.expect("they add up").description(), "Requires the scopes `a` and `b`.");
        let mixed = both(parse_quote!(#[requires_roles("a")]), parse_quote!(#[requires_recent_login("1h")]));
        let mixed = mixed.expect("they add up").description();
        assert_eq!(mixed, "Requires the role `a`. Requires a login at most 1 hour ago.");
        let roles = both(parse_quote!(#[requires_roles("a")]), parse_quote!(#[requires_roles("b")]));
        let message = roles.err().expect("an error").to_string();
        assert_eq!(message, "the whole object has `requires_roles` already");
    }
}
