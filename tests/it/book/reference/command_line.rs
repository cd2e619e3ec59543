//! The commands and their flags, as `--help` shows them.

use std::fmt::Write;

use super::row;
use crate::cli::Place;

/// A part of a help text: its heading, such as `Options`, and its items with their descriptions.
struct Section {
    heading: String,
    items: Vec<(String, String)>,
}

/// The help of one command.
struct Help {
    about: String,
    usage: String,
    sections: Vec<Section>,
    /// The paragraphs below the sections.
    more: Vec<String>,
}

pub(super) fn generate() -> String {
    let mut page = String::new();
    // Wide, because clap breaks lines to fit the terminal if another package of the workspace requests that.
    describe(&Place::bare().with("COLUMNS", "10000"), "", &mut page);
    page
}

/// Appends a command and the commands below it.
fn describe(place: &Place, command: &str, page: &mut String) {
    let help = Help::parse(&place.run(&format!("{command} --help")).done());
    let title = format!("portcullis {command}");
    let _ = writeln!(page, "## {}\n\n{}.\n\n```text\n{}\n```\n", title.trim(), help.about, help.usage);
    for section in &help.sections {
        // Every command accepts the flags of the configuration, and the page describes them once.
        let is_repeated = section.heading == "Configuration" && !command.is_empty();
        let items: Vec<_> = section.items.iter().filter(|(name, _)| !is_help(name)).collect();
        if is_repeated || items.is_empty() || section.heading == "Commands" {
            continue;
        }
        page.push_str(&row([&section.heading.to_lowercase(), "meaning"]));
        page.push_str("|---|---|\n");
        for (name, meaning) in items {
            page.push_str(&row([&format!("`{name}`"), meaning]));
        }
        page.push('\n');
    }
    for paragraph in &help.more {
        let _ = writeln!(page, "{paragraph}\n");
    }
    let commands = help.sections.iter().filter(|section| section.heading == "Commands");
    for (name, _) in commands.flat_map(|section| &section.items) {
        if name != "help" {
            describe(place, format!("{command} {name}").trim(), page);
        }
    }
}

/// Whether an option prints a help text or the version.
fn is_help(name: &str) -> bool {
    ["-h, ", "-V, "].iter().any(|start| name.starts_with(start))
}

impl Help {
    fn parse(text: &str) -> Self {
        let mut help =
            Self { about: String::new(), usage: String::new(), sections: Vec::new(), more: Vec::new() };
        let mut lines = text.lines();
        help.about.push_str(lines.next().expect("a help text has a first line").trim_end_matches('.'));
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let indentation = line.len() - line.trim_start().len();
            if let Some(usage) = line.strip_prefix("Usage: ") {
                usage.clone_into(&mut help.usage);
            } else if indentation == 0 && line.ends_with(':') {
                let heading = line.trim_end_matches(':').to_owned();
                help.sections.push(Section { heading, items: Vec::new() });
            } else if indentation == 0 {
                help.more.push(line.to_owned());
            } else {
                let section = help.sections.last_mut().expect("items have a heading");
                section.add(line.trim(), indentation);
            }
        }
        help
    }
}

impl Section {
    /// Adds a line: an item, or more of the description of the last one.
    fn add(&mut self, line: &str, indentation: usize) {
        // Options without a short form are indented as far as if they had one.
        let is_item = indentation == 2 || (indentation == 6 && line.starts_with("--"));
        match self.items.last_mut().filter(|_| !is_item) {
            Some((_, meaning)) => {
                if !meaning.is_empty() {
                    meaning.push(' ');
                }
                meaning.push_str(line);
            }
            None => {
                let (name, meaning) = line.split_once("  ").unwrap_or((line, ""));
                self.items.push((name.to_owned(), meaning.trim().to_owned()));
            }
        }
    }
}
