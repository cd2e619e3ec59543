//! The book in `docs`, the README and the other pages of the repository: their links, commands, programs, GraphQL and
//! quotations. Nothing in a page is left to its author: a block of code is run, compiled, validated or quoted, or it is
//! counted in [`blocks::NOT_TESTED`].

mod blocks;
mod commands;
mod links;
mod page;
mod reference;

#[test]
fn the_book_has_each_page_of_its_folder_once() {
    let summary = page::read("docs/SUMMARY.md");
    let mut listed: Vec<_> =
        summary.links().into_iter().map(|link| format!("docs/{}", link.target)).collect();
    listed.sort();
    let mut pages: Vec<_> = page::below("docs").into_iter().map(|page| page.path).collect();
    pages.retain(|path| path != "docs/SUMMARY.md");
    pages.sort();
    assert_eq!(listed, pages);
}
