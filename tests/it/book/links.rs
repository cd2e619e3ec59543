//! Links within the repository.

use std::path::{Component, Path, PathBuf};

use super::page::{self, Page};

#[test]
fn every_link_points_at_a_file_and_a_heading_that_exist() {
    let pages = page::all();
    let mut count = 0;
    let mut broken = Vec::new();
    for page in &pages {
        for link in page.links() {
            if link.target.contains("://") || link.target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            if let Err(reason) = follow(page, &link.target) {
                broken.push(format!("{}:{}: {} {reason}", page.path, link.line, link.target));
            }
        }
    }
    assert!(count > 150, "the links are read: {count}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Checks that the target of a link exists, and returns why it does not.
fn follow(page: &Page, target: &str) -> Result<(), &'static str> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let from = Path::new(&page.path);
    let path = match path {
        "" => from.to_owned(),
        path => normalized(&from.with_file_name(path)).ok_or("leaves the repository")?,
    };
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists() {
        return Err("names no file");
    }
    if anchor.is_empty() {
        return Ok(());
    }
    let anchors = page::read(path.to_str().expect("paths are UTF-8")).anchors();
    if anchors.iter().any(|known| known == anchor) { Ok(()) } else { Err("names no heading of the file") }
}

/// A path without `..`, or `None` if it leaves the folder that it starts in.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => normal.pop().then_some(())?,
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    Some(normal)
}
