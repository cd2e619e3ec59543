//! A reader for the Markdown that the pages use.

use std::{collections::BTreeMap, fs, path::Path};

/// A Markdown file of the repository.
pub(super) struct Page {
    /// The path from the root of the repository.
    pub(super) path: String,
    text: String,
}

/// A fenced block of code.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The number of the line with the opening fence.
    pub(super) line: usize,
    /// The text after the opening fence, such as `sh`.
    pub(super) info: String,
    /// The HTML comment in the line above the block.
    pub(super) mark: String,
    /// The lines of code, each with its line feed.
    pub(super) code: String,
}

/// A link or an image.
pub(super) struct Link {
    /// The number of its line.
    pub(super) line: usize,
    pub(super) target: String,
}

/// One page, by its path from the root of the repository.
pub(super) fn read(path: &str) -> Page {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page { path: path.to_owned(), text }
}

/// All pages in a folder, except those of installed packages.
pub(super) fn below(folder: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder") {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = format!("{folder}/{name}");
        if entry.file_type().expect("a type").is_dir() {
            if !matches!(name.as_str(), "node_modules" | "target" | "dist") && !name.starts_with('.') {
                pages.extend(below(&path));
            }
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            pages.push(read(&path));
        }
    }
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

/// The pages with code for readers to use: the README and the book.
pub(super) fn book() -> Vec<Page> {
    let mut pages = below("docs");
    pages.insert(0, read("README.md"));
    pages
}

/// The book, and all other pages that are written for readers.
pub(super) fn all() -> Vec<Page> {
    let mut pages = book();
    pages.extend(["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "playground/README.md"].map(read));
    pages.extend(["clients", "examples"].into_iter().flat_map(below));
    pages
}

impl Page {
    pub(super) fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open) = (Vec::new(), None::<Block>);
        let mut previous = "";
        for (index, line) in self.text.lines().enumerate() {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => {
                    let mark = previous.strip_prefix("<!-- ").and_then(|mark| mark.strip_suffix(" -->"));
                    let mark = mark.unwrap_or_default().to_owned();
                    let info = info.to_owned();
                    open = Some(Block { line: index + 1, info, mark, code: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.code.push_str(line);
                    block.code.push('\n');
                }
                (None, None) => {}
            }
            previous = line;
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path);
        blocks
    }

    pub(super) fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (line, text) in self.prose() {
            let text = without_code(text);
            for part in text.split("](").skip(1) {
                let target = part.split(')').next().unwrap_or_default();
                links.push(Link { line, target: target.to_owned() });
            }
        }
        links
    }

    /// The fragments by which links can name the headings, as mdBook and GitHub derive them.
    pub(super) fn anchors(&self) -> Vec<String> {
        let mut seen = BTreeMap::new();
        let headings = self.prose().into_iter().filter_map(|(_, line)| {
            let title = line.trim_start_matches('#');
            (line.starts_with('#') && title.starts_with(' ')).then_some(title.trim())
        });
        let anchor = |title: &str| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let anchor: String = kept.flat_map(char::to_lowercase).collect::<String>().replace(' ', "-");
            let count = seen.entry(anchor.clone()).and_modify(|count| *count += 1).or_insert(0);
            if *count == 0 { anchor } else { format!("{anchor}-{count}") }
        };
        headings.map(anchor).collect()
    }

    /// The numbered lines outside of blocks of code.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_code = false;
        let numbered = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        numbered
            .filter(|(_, line)| {
                let is_fence = line.trim_start().starts_with("```");
                is_code ^= is_fence;
                !is_code && !is_fence
            })
            .collect()
    }
}

/// A line without its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}
