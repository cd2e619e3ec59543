//! The blocks of code that are not commands.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Deserializer, Value, json};

use super::page::{self, Block, Page};
use crate::{cli::Place, support::TestApp};

/// The number of blocks in each page that no test can run, compile, validate or compare: commands that need another
/// program or a network, and the configuration files of other programs. A new one must be counted here.
const NOT_TESTED: &[(&str, usize)] = &[
    ("docs/backup.md", 2),
    ("docs/design.md", 3),
    ("docs/getting-started.md", 1),
    ("docs/guides/federation.md", 1),
    ("docs/guides/mail.md", 1),
    ("docs/import.md", 2),
    ("docs/measurements.md", 8),
    ("docs/operate/containers.md", 4),
    ("docs/operate/incidents.md", 1),
    ("docs/operate/systemd.md", 3),
    ("docs/performance.md", 3),
    ("docs/postgresql.md", 7),
    ("docs/production.md", 2),
    ("README.md", 1),
];

/// The pages that are compared with the program as a whole.
const GENERATED: [&str; 2] = ["docs/command-line.md", "docs/errors.md"];

/// The way in which a block is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Run, in the order of the page.
    Run,
    /// Compared with what the commands before it print.
    Compare,
    /// Compiled as a doctest of the crate.
    Compile,
    /// Found in the file that the mark names.
    Quote,
    /// Validated against the schema.
    Validate,
    /// Parsed as JSON.
    Parse,
    /// Loaded as a configuration, or compared with the dependencies of the crate.
    Load,
    /// Counted in [`NOT_TESTED`].
    Nothing,
}

impl Block {
    pub(super) fn check(&self) -> Check {
        match (self.info.as_str(), self.mark.as_str()) {
            (_, mark) if mark.starts_with("not run: ") => Check::Nothing,
            (_, mark) if mark.starts_with("from ") => Check::Quote,
            ("sh", _) => Check::Run,
            (_, "prints") => Check::Compare,
            ("json", _) => Check::Parse,
            ("graphql", _) => Check::Validate,
            ("toml", _) => Check::Load,
            ("rust" | "rust,no_run", _) => Check::Compile,
            _ => Check::Nothing,
        }
    }
}

/// The blocks of the book that are checked in this way.
fn blocks(check: Check) -> Vec<(Page, Block)> {
    let of_page = |page: Page| {
        let blocks = page.blocks().into_iter().filter(|block| block.check() == check);
        blocks.map(|block| (page::read(&page.path), block)).collect::<Vec<_>>()
    };
    let blocks: Vec<_> = page::book().into_iter().flat_map(of_page).collect();
    assert!(!blocks.is_empty(), "the pages are read");
    blocks
}

#[test]
fn every_block_is_tested_or_counted() {
    let mut counts = BTreeMap::new();
    for (page, _) in
        blocks(Check::Nothing).into_iter().filter(|(page, _)| !GENERATED.contains(&page.path.as_str()))
    {
        *counts.entry(page.path).or_insert(0) += 1;
    }
    let known: BTreeMap<_, _> = NOT_TESTED.iter().map(|(page, count)| ((*page).to_owned(), *count)).collect();
    assert_eq!(counts, known, "mark a block, or count it in NOT_TESTED");
}

#[test]
fn every_quotation_is_part_of_its_file() {
    for (page, block) in blocks(Check::Quote) {
        let path = block.mark.trim_start_matches("from ");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let text = text.unwrap_or_else(|error| panic!("{}: {path}: {error}", page.path));
        let is_part = text.starts_with(&block.code) || text.contains(&format!("\n{}", block.code));
        assert!(is_part, "{}:{}: this is not in {path}", page.path, block.line);
    }
}

#[test]
fn every_page_with_a_rust_program_is_compiled() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let library = library.expect("the library is there");
    for (page, block) in blocks(Check::Compile) {
        let include = format!("include_str!(\"../{}\")", page.path);
        assert!(library.contains(&include), "{}:{}: src/lib.rs does not include it", page.path, block.line);
    }
}

#[test]
fn every_json_document_is_one() {
    for (page, block) in blocks(Check::Parse) {
        for value in Deserializer::from_str(&block.code).into_iter::<Value>() {
            value.unwrap_or_else(|error| panic!("{}:{}: {error}", page.path, block.line));
        }
    }
}

#[test]
fn every_configuration_can_be_loaded_and_every_dependency_is_ours() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let manifest = manifest.expect("the manifest is there");
    for (page, block) in blocks(Check::Load) {
        let place = format!("{}:{}", page.path, block.line);
        let Some(dependencies) = block.code.strip_prefix("[dependencies]\n") else {
            let folder = Place::bare();
            folder.write("portcullis.toml", &block.code);
            let loaded = folder.run("config");
            assert_eq!(loaded.code, Some(0), "{place}: {loaded:?}");
            continue;
        };
        for dependency in dependencies.lines().filter(|line| !line.starts_with("portcullis = ")) {
            let (name, rest) = dependency.split_once(" = ").expect("a dependency");
            let version = rest.split('"').nth(1).expect("a version");
            let mut known = manifest.lines().filter_map(|line| line.strip_prefix(&format!("{name} = ")));
            let is_known = known.any(|known| known.split('"').any(|part| part.starts_with(version)));
            assert!(is_known, "{place}: {name} {version} is not in Cargo.toml");
        }
    }
}

#[tokio::test]
async fn every_graphql_document_is_valid() {
    let app = TestApp::start().await;
    for (page, block) in blocks(Check::Validate) {
        // The whole document is validated, and only the operation that was added is executed.
        let query = format!("{}\nquery Added {{ __typename }}", block.code);
        let answer = app.anonymous().send(&json!({ "query": query, "operationName": "Added" })).await;
        let expected = json!({ "data": { "__typename": "Query" } });
        assert_eq!(answer.body, expected, "{}:{}", page.path, block.line);
    }
}
