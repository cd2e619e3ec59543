//! The reference pages that are written from the program: the text above the mark of a page is written by hand, and
//! the rest is what the program and the annotated example of the configuration say.

mod command_line;
mod configuration;

use std::{fs, path::Path};

use crate::support::variable;

/// If this variable is set, the tests write the pages in place of comparing them.
const WRITE: &str = "PORTCULLIS_TEST_WRITE";

/// The line below which a page is generated.
const MARK: &str =
    "<!-- `PORTCULLIS_TEST_WRITE=1 cargo test --test it book::reference` writes the rest of this page. -->";

#[test]
fn the_configuration_page_has_each_key_of_the_program() {
    compare("docs/configuration.md", &configuration::generate());
}

#[test]
fn the_command_line_page_has_each_command_and_flag_of_the_program() {
    compare("docs/command-line.md", &command_line::generate());
}

/// Compares the generated part of a page, or writes it.
fn compare(path: &str, generated: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let page = fs::read_to_string(&file).expect("the page is there");
    let (by_hand, _) = page.split_once(MARK).expect("the page has the mark");
    let expected = format!("{by_hand}{MARK}\n\n{}\n", generated.trim());
    if variable(WRITE).is_some() {
        fs::write(file, &expected).expect("the page can be written");
    } else {
        assert!(
            page == expected,
            "the program and {path} differ: {WRITE}=1 cargo test --test it book::reference"
        );
    }
}

/// A row of a table.
fn row<const COLUMNS: usize>(cells: [&str; COLUMNS]) -> String {
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}
