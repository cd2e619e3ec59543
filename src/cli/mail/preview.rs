use std::io::Write;

use clap::{Args, ValueEnum, builder::PossibleValue};
use serde::Serialize;

use crate::{
    cli::{
        error::CliError,
        log,
        output::{Format, json},
        settings::Settings,
    },
    mail::{MessageKind, Preview as Previewer, RenderedMessage},
};

#[derive(Args)]
pub(in crate::cli) struct Preview {
    /// The kind of the message
    kind: Kind,
    /// The language: a BCP 47 tag, such as de or pt-BR [default: the configured one]
    #[arg(long)]
    locale: Option<String>,
    /// Print the HTML part in place of the text part
    #[arg(long, conflicts_with = "json")]
    html: bool,
    #[command(flatten)]
    format: Format,
}

/// A kind of message on the command line.
#[derive(Clone, Copy)]
struct Kind(MessageKind);

const KINDS: [Kind; MessageKind::ALL.len()] = {
    let mut kinds = [Kind(MessageKind::VerifyEmail); MessageKind::ALL.len()];
    let mut index = 0;
    while index < kinds.len() {
        kinds[index] = Kind(MessageKind::ALL[index]);
        index += 1;
    }
    kinds
};

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        &KINDS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

/// A message as it is printed.
#[derive(Serialize)]
struct Document {
    kind: &'static str,
    subject: String,
    text: String,
    html: String,
}

impl Preview {
    pub(super) fn run(&self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let loaded = settings.load()?;
        log::start_for_command(&loaded)?;
        let previewer = Previewer::new(&loaded.config);
        let rendered = previewer.and_then(|previewer| previewer.render(self.kind.0, self.locale.as_deref()));
        let RenderedMessage { subject, text, html } =
            rendered.map_err(|error| CliError::refused(error.to_string()))?;
        if self.format.json {
            return json(out, &Document { kind: self.kind.0.name(), subject, text, html });
        }
        if self.html {
            return Ok(write!(out, "{html}")?);
        }
        Ok(write!(out, "Subject: {subject}\n\n{text}")?)
    }
}
