//! The import rules of the house, read from the sources; and that the threat model names tests that are there.
//!
//! A module imports lower ranks only. One exception: the schema is a graph, so a capability's `graphql.rs`
//! may import any service and any other `graphql.rs`, and only `schema.rs` and its like import it. Only a
//! `store.rs` names a table.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every module at the top of `src`, and its rank.
const RANKS: &[(&str, u8)] = &[
    ("client", 0),
    ("clock", 0),
    ("secret", 0),
    ("id", 1),
    ("config", 1),
    ("database", 2),
    ("limits", 4),
    ("passwords", 3),
    ("replicas", 3),
    ("tokens", 3),
    ("changes", 4),
    ("graphql", 5),
    ("listener", 5),
    ("status_lists", 5),
    ("audit", 6),
    ("operations", 6),
    ("hooks", 7),
    ("mail", 7),
    ("account_export", 13),
    ("http", 7),
    ("proofs", 8),
    ("accounts", 9),
    ("import", 10),
    ("passkeys", 10),
    ("personal_access_tokens", 10),
    ("trusted_devices", 10),
    ("sessions", 11),
    ("second_factors", 12),
    ("sign_in", 13),
    ("admin", 13),
    ("schema", SCHEMA),
    ("app", 15),
    ("router", 16),
    ("worker", 16),
    ("serve", 17),
    ("server", 18),
    ("cli", 19),
    ("testing", 19),
    ("lib", 20),
    ("main", 20),
];

/// From this rank on, resolvers may be imported.
const SCHEMA: u8 = 14;

/// One import of one file.
struct Import {
    file: PathBuf,
    from: String,
    to: String,
    /// Whether it names a `graphql` module inside a capability.
    of_resolvers: bool,
}

#[test]
fn imports_point_downwards() {
    let rank = |name: &str| RANKS.iter().find(|(known, _)| *known == name).map(|(_, rank)| *rank);
    let mut broken = Vec::new();
    for import in imports() {
        let is_resolver = !["graphql", "http"].contains(&import.from.as_str())
            && import.file.iter().any(|part| part == "graphql" || part == "graphql.rs");
        let (from, to) = (rank(&import.from), rank(&import.to));
        let (Some(from), Some(to)) = (from, to) else {
            broken.push(format!("{}: {} or {} has no rank", import.file.display(), import.from, import.to));
            continue;
        };
        let inside = import.from == import.to;
        if !inside && to >= from && !(is_resolver && from < SCHEMA && to < SCHEMA) {
            broken.push(format!("{}: {} imports {}", import.file.display(), import.from, import.to));
        }
        if import.of_resolvers && !is_resolver && !inside && from < SCHEMA {
            broken.push(format!("{}: only resolvers and the schema import resolvers", import.file.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_a_store_names_a_table() {
    let named: Vec<_> = sources()
        .into_iter()
        .filter(|(file, text)| {
            let is_store = file.iter().any(|part| part == "store" || part == "store.rs");
            text.contains("entity::") && !is_store
        })
        .map(|(file, _)| file)
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn no_crate_of_ours_has_unsafe_code() {
    for root in
        ["src/lib.rs", "src/main.rs", "entity/src/lib.rs", "macros/src/lib.rs", "migration/src/lib.rs"]
    {
        let text = fs::read_to_string(root).expect("tests run at the root of the crate");
        assert!(text.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{root}");
    }
}

#[test]
fn no_file_is_a_drawer() {
    let drawers: Vec<_> = sources()
        .into_iter()
        .map(|(file, _)| file)
        .filter(|file| ["util", "common", "helper"].iter().any(|word| file.to_string_lossy().contains(word)))
        .collect();
    assert!(drawers.is_empty(), "{drawers:?}");
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let page = fs::read_to_string("SECURITY.md").expect("tests run at the root of the crate");
    let names: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains("::") && !code.contains(' '))
        .collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.starts_with("portcullis::")).collect();
    assert!(names.len() > 30, "the page is read");
    let is_there = |name: &&str| {
        let (module, test) = name.rsplit_once("::").expect("it was looked for");
        let module = format!("tests/it/{}", module.replace("::", "/"));
        [".rs", "/mod.rs"].iter().any(|end| {
            fs::read_to_string(format!("{module}{end}"))
                .is_ok_and(|text| text.contains(&format!("fn {test}()")))
        })
    };
    let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn imports() -> Vec<Import> {
    let mut imports = Vec::new();
    for (file, text) in sources() {
        let from = module(&file);
        for statement in statements(&text) {
            for path in expand(&statement) {
                let mut parts = path.split("::");
                let to = parts.next().unwrap_or_default().to_owned();
                let of_resolvers = to != "http" && parts.next() == Some("graphql");
                imports.push(Import { file: file.clone(), from: from.clone(), to, of_resolvers });
            }
        }
    }
    assert!(imports.len() > 100, "the sources are read");
    imports
}

/// The module at the top of `src` that a file belongs to.
fn module(file: &Path) -> String {
    let first = file.components().nth(1).map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// The text after each `crate::` in a file: a path, or a tree of paths in braces.
fn statements(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    code.split("crate::").skip(1).map(tree).collect()
}

/// The start of a text up to where its path, or its tree of paths, ends.
fn tree(text: &str) -> String {
    let mut depth = 0_usize;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            c if depth == 0 && !(c.is_alphanumeric() || c == '_' || c == ':') => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    text[..end].replace(' ', "")
}

/// The paths in a tree such as `a::{b, c::{d, e}}`.
fn expand(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = rest.trim_end_matches(';').strip_suffix('}').unwrap_or(rest);
    let mut paths = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let item = &inner[start..at];
                if !item.is_empty() {
                    paths.extend(expand(&format!("{prefix}{item}")));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// Every source file below `src`, by its path from the root of the crate.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("tests run at the root of the crate") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file can be read");
                sources.push((path, text));
            }
        }
    }
    sources
}
