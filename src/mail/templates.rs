//! The templates of messages: built in, or replaced by files of the operator.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, value::Serde};

use super::{MessageKind, context::Context};
use crate::config::MailConfig;

/// The maximum number of instructions of one rendering, so that an endless loop in a template ends.
const FUEL: u64 = 100_000;

/// The maximum size of a template file, bytes.
const MAX_TEMPLATE_BYTES: u64 = 64 * 1024;

/// The language of messages if neither the requested nor the default one has a template.
const LAST_LOCALE: &str = "en";

/// The template that all built-in HTML parts extend.
const LAYOUT: &str = "layout.html.j2";

/// The templates of each message.
const PARTS: [&str; 3] = ["subject.j2", "text.j2", "html.j2"];

macro_rules! builtin {
    ($($locale:literal: $($kind:literal)*;)*) => {
        &[$($(
            ($locale, $kind, [
                include_str!(concat!("templates/", $locale, "/", $kind, "/subject.j2")),
                include_str!(concat!("templates/", $locale, "/", $kind, "/text.j2")),
                include_str!(concat!("templates/", $locale, "/", $kind, "/html.j2")),
            ]),
        )*)*]
    };
}

/// The built-in templates: locale, kind, and the text of each part.
const BUILTIN: &[(&str, &str, [&str; 3])] = builtin! {
    "en": "verify_email" "reset_password" "sign_in" "invitation" "address_taken" "password_changed" "email_changed"
        "new_device" "account_recovered" "deletion_scheduled" "second_factor_added" "second_factor_removed"
        "recovery_code_used" "passkey_added" "passkey_removed" "token_created" "second_factor_code";
    "de": "verify_email" "reset_password" "sign_in" "invitation" "address_taken" "password_changed" "email_changed"
        "new_device" "account_recovered" "deletion_scheduled" "second_factor_added" "second_factor_removed"
        "recovery_code_used" "passkey_added" "passkey_removed" "token_created" "second_factor_code";
};

/// An error in a template of the operator.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file or a folder cannot be read.
    #[error("mail.templates: cannot read {path}: {source}")]
    Unreadable {
        /// The file or the folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file or a folder that is no template.
    #[error("mail.templates: {path} {expected}")]
    Unknown {
        /// The file or the folder.
        path: PathBuf,
        /// The requirement: the rest of a sentence that starts with the path.
        expected: String,
    },
    /// A template is invalid.
    #[error("mail.templates: {name}: {reason}")]
    Invalid {
        /// The template, as a path in the folder.
        name: String,
        /// The reason, with the line.
        reason: String,
    },
}

/// A rendered message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMessage {
    /// The subject: one line.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// The compiled templates.
pub(super) struct Templates {
    environment: Environment<'static>,
    /// The locales, in lower case, and the kinds that have templates.
    known: HashSet<(String, MessageKind)>,
    default_locale: String,
}

impl Templates {
    /// Compiles all templates, and renders each once with sample variables.
    pub(super) fn load(config: &MailConfig) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|name| {
            if name.ends_with("html.j2") { AutoEscape::Html } else { AutoEscape::None }
        });
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let default_locale = config.default_locale.to_lowercase();
        let mut templates = Self { environment, known: HashSet::new(), default_locale };
        templates.add(LAYOUT, include_str!("templates/layout.html.j2").to_owned())?;
        for (locale, kind, texts) in BUILTIN {
            for (part, text) in PARTS.iter().zip(texts) {
                templates.add(&format!("{locale}/{kind}/{part}"), (*text).to_owned())?;
            }
            templates.known.extend(MessageKind::from_name(kind).map(|kind| ((*locale).to_owned(), kind)));
        }
        if let Some(folder) = &config.templates {
            templates.add_folder(folder)?;
        }
        templates.check()?;
        Ok(templates)
    }

    /// Renders a message in the best language that has templates of its kind.
    pub(super) fn render(
        &self,
        kind: MessageKind,
        locale: Option<&str>,
        context: Context<'_>,
    ) -> Result<RenderedMessage, TemplateError> {
        self.render_in(&self.find_locale(kind, locale), kind, context)
    }

    /// The language of a message: the tag, then its language alone, then the same of the default.
    pub(super) fn find_locale(&self, kind: MessageKind, locale: Option<&str>) -> String {
        for tag in locale.into_iter().chain([self.default_locale.as_str()]) {
            let tag = tag.to_lowercase();
            let language = tag.split('-').next().unwrap_or_default().to_owned();
            for candidate in [tag, language] {
                if self.known.contains(&(candidate.clone(), kind)) {
                    return candidate;
                }
            }
        }
        LAST_LOCALE.to_owned()
    }

    fn render_in(
        &self,
        locale: &str,
        kind: MessageKind,
        mut context: Context<'_>,
    ) -> Result<RenderedMessage, TemplateError> {
        let render = |part: &str, context: &Context<'_>| {
            let name = format!("{locale}/{}/{part}", kind.name());
            let rendered =
                self.environment.get_template(&name).and_then(|template| template.render(Serde(context)));
            rendered.map_err(|error| invalid(&name, &error))
        };
        context.set_locale(locale);
        // A header is one line.
        let subject = render(PARTS[0], &context)?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        context.subject.clone_from(&subject);
        Ok(RenderedMessage { text: render(PARTS[1], &context)?, html: render(PARTS[2], &context)?, subject })
    }

    fn add(&mut self, name: &str, text: String) -> Result<(), TemplateError> {
        let added = self.environment.add_template_owned(name.to_owned(), text);
        added.map_err(|error| invalid(name, &error))
    }

    /// Adds the templates of the operator's folder: `layout.html.j2`, and `LOCALE/KIND/PART`.
    fn add_folder(&mut self, folder: &Path) -> Result<(), TemplateError> {
        for (name, path) in entries(folder)? {
            if name == LAYOUT {
                self.add(&name, read(&path)?)?;
            } else if crate::config::is_locale(&name) && path.is_dir() {
                self.add_locale(&name.to_lowercase(), &path)?;
            } else {
                let expected = format!("is neither {LAYOUT} nor the folder of a language, such as en");
                return Err(TemplateError::Unknown { path, expected });
            }
        }
        Ok(())
    }

    fn add_locale(&mut self, locale: &str, folder: &Path) -> Result<(), TemplateError> {
        for (name, path) in entries(folder)? {
            let Some(kind) = MessageKind::from_name(&name).filter(|_| path.is_dir()) else {
                let kinds = MessageKind::ALL.map(MessageKind::name).join(", ");
                let expected = format!("is not the folder of a kind of message; the kinds are {kinds}");
                return Err(TemplateError::Unknown { path, expected });
            };
            for (part, file) in entries(&path)? {
                if !PARTS.contains(&part.as_str()) {
                    let expected = format!("is not a part of a message; the parts are {}", PARTS.join(", "));
                    return Err(TemplateError::Unknown { path: file, expected });
                }
                self.add(&format!("{locale}/{name}/{part}"), read(&file)?)?;
            }
            self.known.insert((locale.to_owned(), kind));
        }
        Ok(())
    }

    /// Renders each message with all variables and with none.
    fn check(&self) -> Result<(), TemplateError> {
        for (locale, kind) in &self.known {
            for context in [Context::sample("Example"), Context::default()] {
                let rendered = self.render_in(locale, *kind, context)?;
                if rendered.subject.is_empty() || rendered.text.trim().is_empty() {
                    let part = if rendered.subject.is_empty() { PARTS[0] } else { PARTS[1] };
                    let name = format!("{locale}/{}/{part}", kind.name());
                    return Err(TemplateError::Invalid { name, reason: "it renders no text".to_owned() });
                }
            }
        }
        Ok(())
    }
}

/// The entries of a folder, without hidden ones: orchestrators mount folders with hidden links.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, TemplateError> {
    let failed = |source| TemplateError::Unreadable { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn read(path: &Path) -> Result<String, TemplateError> {
    let failed = |source| TemplateError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > MAX_TEMPLATE_BYTES {
        let expected = format!("is larger than {MAX_TEMPLATE_BYTES} bytes");
        return Err(TemplateError::Unknown { path: path.to_owned(), expected });
    }
    fs::read_to_string(path).map_err(failed)
}

/// The error with its line. The causes say what is wrong.
fn invalid(name: &str, error: &minijinja::Error) -> TemplateError {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    TemplateError::Invalid { name: name.to_owned(), reason }
}
