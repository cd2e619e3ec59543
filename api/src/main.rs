//! Prints the public API of a crate, one item on each line, from the JSON of rustdoc. `.ci/api` compares it with the
//! snapshots in this folder.

#![forbid(unsafe_code)]

use std::{env, error::Error, io::Write, process::ExitCode};

fn main() -> ExitCode {
    match print(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn print(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: api JSON_OF_RUSTDOC")?;
    // Implementations that the compiler derives for each type say nothing, and would be most of the lines.
    let api = public_api::Builder::from_rustdoc_json(path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(write!(out, "{api}")?)
}
